//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// x86-64, System V calling convention.
//
//===----------------------------------------------------------------------===//
#include "tools/gpu-emulator/Fiber.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

#ifdef __SANITIZE_ADDRESS__
#define BERTC_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BERTC_ASAN 1
#endif
#endif
#ifdef BERTC_ASAN
#include <pthread.h>
// Of AddressSanitizer, as its headers declare them.
extern "C" {
void __sanitizer_start_switch_fiber(void **fakeStack, const void *bottom,
                                    size_t size);
void __sanitizer_finish_switch_fiber(void *fakeStack, const void **bottom,
                                     size_t *size);
void __asan_unpoison_memory_region(const volatile void *start, size_t size);
}
#endif

using namespace bertc::emulator;

extern "C" {
void bertc_gpu_fiber_switch(void **from, void *to);
void bertc_gpu_fiber_begin();
}

// The registers that a call preserves, in the order in which `start` lays them
// out. bertc_gpu_fiber_begin is where the first switch to a fibre returns to.
asm(R"(
  .text
  .p2align 4
  .globl bertc_gpu_fiber_switch
  .hidden bertc_gpu_fiber_switch
  .type bertc_gpu_fiber_switch, @function
bertc_gpu_fiber_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  retq
  .size bertc_gpu_fiber_switch, .-bertc_gpu_fiber_switch

  .p2align 4
  .globl bertc_gpu_fiber_begin
  .hidden bertc_gpu_fiber_begin
  .type bertc_gpu_fiber_begin, @function
bertc_gpu_fiber_begin:
  movq %r13, %rdi
  callq *%r12
  ud2
  .size bertc_gpu_fiber_begin, .-bertc_gpu_fiber_begin
)");

static constexpr size_t page = 4096;
static constexpr size_t stackBytes = 256 * 1024;

Fiber::~Fiber() {
  if (stack)
    munmap(stack, stackBytes);
}

#ifdef BERTC_ASAN
/// A fibre begins here, to tell the sanitizer that the switch is done.
static void (*nextFunction)(void *);
static void beginSanitized(void *argument) {
  __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
  nextFunction(argument);
}
#endif

void Fiber::start(void (*function)(void *), void *argument, size_t colour) {
  if (!stack) {
    void *mapped = mmap(nullptr, stackBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) {
      perror("gpu-emulator: error: no memory for the stack of a thread");
      abort();
    }
    stack = static_cast<char *>(mapped);
    mprotect(stack, page, PROT_NONE);
    bottom = stack + page;
    size = stackBytes - page;
  }
#ifdef BERTC_ASAN
  __asan_unpoison_memory_region(bottom, size);
  nextFunction = function;
  function = beginSanitized;
#endif
  // As if bertc_gpu_fiber_switch had been called by one that returns to
  // bertc_gpu_fiber_begin, with r12 and r13 as that one wants them.
  char *top = stack + stackBytes - 64 - colour % 61 * 192;
  auto *words = reinterpret_cast<uintptr_t *>(top);
  *--words = 0; // keeps the stack aligned at the call in `begin`
  *--words = 0;
  *--words = reinterpret_cast<uintptr_t>(&bertc_gpu_fiber_begin);
  *--words = 0;                                     // rbp
  *--words = 0;                                     // rbx
  *--words = reinterpret_cast<uintptr_t>(function); // r12
  *--words = reinterpret_cast<uintptr_t>(argument); // r13
  *--words = 0;                                     // r14
  *--words = 0;                                     // r15
  stackPointer = words;
}

void Fiber::transfer(Fiber &from, Fiber &to, [[maybe_unused]] bool forever) {
#ifdef BERTC_ASAN
  if (!from.bottom) {
    pthread_attr_t attributes;
    void *low = nullptr;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &low, &from.size);
    pthread_attr_destroy(&attributes);
    from.bottom = low;
  }
  // Without a place for it, the fake stack is freed.
  __sanitizer_start_switch_fiber(forever ? nullptr : &from.fakeStack, to.bottom,
                                 to.size);
#endif
  bertc_gpu_fiber_switch(&from.stackPointer, to.stackPointer);
#ifdef BERTC_ASAN
  __sanitizer_finish_switch_fiber(from.fakeStack, nullptr, nullptr);
#endif
}
