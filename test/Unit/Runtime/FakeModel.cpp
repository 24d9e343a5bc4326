//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The forward function works in phases like generated code: each thread writes
// its share, meets the others, and reads what another thread wrote.
//
//===----------------------------------------------------------------------===//
#include "FakeModel.h"

#include "runtime/core/Model.h"

#include <gtest/gtest.h>
#include <xmmintrin.h>

namespace bertc::test {

Observed observed;

static constexpr bertc_workspace formula = {/*fixed=*/64, /*per_token=*/16,
                                            /*per_sequence=*/8,
                                            /*per_thread=*/128,
                                            /*per_thread_key=*/32};

static void check(bool holds) {
  if (!holds)
    ++observed.faults;
}

static int64_t begin(int64_t count, const bertc_call *call, int64_t tid) {
  return count * tid / call->threads;
}

static void checkPromises(const bertc_call *call, int64_t tid) {
  check(tid >= 0 && tid < call->threads);
  check(reinterpret_cast<uintptr_t>(call->workspace) % BERTC_ALIGNMENT == 0);
  check(call->tokens >= 1 && call->sequences >= 1 && call->longest >= 1);
  check(call->offsets[0] == 0);
  check(call->offsets[call->sequences] == call->tokens);
  int64_t longest = 0;
  for (int64_t i = 0; i < call->sequences; ++i) {
    int64_t length = call->offsets[i + 1] - call->offsets[i];
    check(length >= 1);
    longest = length > longest ? length : longest;
  }
  check(longest == call->longest);
  check(call->pair_length >= longest);
  for (int64_t t = 0; t < call->tokens; ++t) {
    check(call->input_ids[t] >= 0 && call->input_ids[t] < vocabSize);
    check(call->position_ids[t] >= 0 && call->position_ids[t] < maxPositions);
    check(t == 0 || call->output_rows[t] > call->output_rows[t - 1]);
  }
}

/// Writes every byte that the formula promises; the inputs must survive it.
static void useWholeWorkspace(const bertc_call *call) {
  uint64_t keys = (call->longest + 15) / 16 * 16;
  uint64_t size =
      formula.fixed + formula.per_token * call->tokens +
      formula.per_sequence * call->sequences +
      call->threads * (formula.per_thread + formula.per_thread_key * keys);
  memset(call->workspace, 0x5a, size);
}

static void beginPhase(const bertc_call *call, int64_t tid, int64_t phase,
                       int64_t layer) {
  if (call->phase)
    call->phase(call, tid, phase, layer);
}

/// Thread `tid` writes a cell, and after the barrier reads all others.
static void meetOften(const bertc_call *call, int64_t tid) {
  // Behind the ids that writeOutputs keeps. Two sets of cells in turn, as a
  // thread may be one phase ahead.
  int64_t *cells =
      reinterpret_cast<int64_t *>(call->workspace) + 2 * call->tokens;
  for (int phase = 0; phase < observed.barriers; ++phase) {
    beginPhase(call, tid, 0, phase % 2);
    int64_t *set = cells + (phase % 2) * call->threads;
    set[tid] = phase * 1000 + tid;
    call->barrier(call, tid);
    for (int64_t other = 0; other < call->threads; ++other)
      check(set[other] == phase * 1000 + other);
  }
}

/// This thread's rows of the matrices, as the ABI says.
static void writePairs(const bertc_call *call, int64_t tid) {
  int64_t length = call->pair_length;
  for (int64_t b = 0; b < call->sequences && call->outputs[3]; ++b) {
    int64_t first = call->offsets[b], count = call->offsets[b + 1] - first;
    for (int64_t h = 0; h < headCount; ++h)
      for (int64_t i = 0; i < count; ++i) {
        if (first + i < begin(call->tokens, call, tid) ||
            first + i >= begin(call->tokens, call, tid + 1))
          continue;
        float *row =
            call->outputs[3] + ((b * headCount + h) * length + i) * length;
        for (int64_t j = 0; j < count; ++j)
          row[j] = pairValue(h, call->input_ids[first + i],
                             call->input_ids[first + j]);
      }
  }
}

static void writeOutputs(const bertc_call *call, int64_t tid) {
  beginPhase(call, tid, 1, -1);
  // The ids that are read here were written by other threads.
  int64_t *ids = reinterpret_cast<int64_t *>(call->workspace);
  for (int64_t t = begin(call->tokens, call, tid);
       t < begin(call->tokens, call, tid + 1); ++t)
    ids[call->tokens - 1 - t] = call->input_ids[call->tokens - 1 - t];
  call->barrier(call, tid);
  for (int64_t i = 0; i < call->sequences; ++i) {
    int64_t first = call->offsets[i], last = call->offsets[i + 1] - 1;
    float sum = 0;
    for (int64_t t = first; t <= last; ++t) {
      sum += static_cast<float>(ids[t]);
      if (t < begin(call->tokens, call, tid) ||
          t >= begin(call->tokens, call, tid + 1) || !call->outputs[0])
        continue;
      float *row =
          call->outputs[0] + int64_t(call->output_rows[t]) * hiddenWidth;
      row[0] = static_cast<float>(ids[t]);
      row[1] = static_cast<float>(call->token_type_ids[t]);
      row[2] = static_cast<float>(call->position_ids[t]);
      row[3] = static_cast<float>(i);
    }
    if (i % call->threads != tid)
      continue;
    if (float *row = call->outputs[1]) {
      row[i * poolerWidth] = static_cast<float>(last - first + 1);
      row[i * poolerWidth + 1] = sum;
      row[i * poolerWidth + 2] = static_cast<float>(ids[first]);
    }
    if (float *row = call->outputs[2]) {
      row[i * embeddingWidth] = static_cast<float>(last - first + 1);
      row[i * embeddingWidth + 1] = static_cast<float>(ids[last]);
    }
  }
}

static void forward(const bertc_call *call, int64_t tid, const char *variant) {
  ++observed.entries;
  observed.tids |= 1ull << tid;
  observed.mode = _mm_getcsr() & 0xffc0;
  if (tid == 0) {
    observed.tokens = call->tokens;
    observed.sequences = call->sequences;
    observed.longest = call->longest;
    observed.threads = call->threads;
    observed.weights = call->weights;
    observed.variant = variant;
    if (observed.inside)
      observed.inside();
    useWholeWorkspace(call);
  }
  call->barrier(call, tid);
  checkPromises(call, tid);
  meetOften(call, tid);
  writePairs(call, tid);
  writeOutputs(call, tid);
}

static void first(const bertc_call *call, int64_t tid) {
  forward(call, tid, "first");
}
static void second(const bertc_call *call, int64_t tid) {
  forward(call, tid, "second");
}

static const bertc_phase_desc phases[] = {{"meet", 1, 2, 3, 4},
                                          {"write", 0, 0, 0, 0}};

static const bertc_variant variants[] = {
    {"first", 0, first, formula, phases, 2},
    {"second", 0, second, formula, phases, 2},
    {"future", 1ull << 40, second, formula, phases, 2},
};

static const bertc_output_desc outputs[] = {
    {"last_hidden_state", BERTC_PER_TOKEN, hiddenWidth},
    {"pooler_output", BERTC_PER_SEQUENCE, poolerWidth},
    {"sentence_embedding", BERTC_PER_SEQUENCE, embeddingWidth},
    {"attentions.0", BERTC_PER_PAIR, headCount},
};

alignas(4096) static const uint8_t weights[4096] = {42};
static const char manifest[] = "{\"model_type\": \"fake\"}";

const bertc_model_desc &fakeDescription() { return bertc_model_description; }

rt::CpuFeatures fullCpu() { return {~0ull, ~0ull}; }
rt::CpuFeatures bareCpu() { return {0, 0}; }

ScopedEnv::ScopedEnv(const char *name, const char *value) : name(name) {
  const char *old = getenv(name);
  had = old != nullptr;
  before = old ? old : "";
  value ? setenv(name, value, 1) : unsetenv(name);
}

ScopedEnv::~ScopedEnv() {
  had ? setenv(name.c_str(), before.c_str(), 1) : unsetenv(name.c_str());
}

Opened::Opened(uint32_t threads) {
  observed.faults = 0;
  observed.entries = 0;
  observed.tids = 0;
  observed.inside = nullptr;
  observed.barriers = 2;
  bertc_status status;
  EXPECT_EQ(api().model_open(nullptr, &model, &status), BERTC_OK)
      << status.message;
  bertc_session_options options = BERTC_INIT(bertc_session_options);
  options.threads = threads;
  EXPECT_EQ(api().session_create(model, &options, &session, &status), BERTC_OK)
      << status.message;
}

Opened::~Opened() {
  api().session_destroy(session);
  api().model_close(model);
  EXPECT_EQ(observed.faults, 0);
}

bertc_padded_inputs padded(int64_t batch, int64_t seq,
                           const std::vector<int64_t> &ids,
                           const std::vector<int64_t> *mask) {
  bertc_padded_inputs inputs = BERTC_INIT(bertc_padded_inputs);
  inputs.batch = batch;
  inputs.seq = seq;
  inputs.input_ids = ids.data();
  inputs.attention_mask = mask ? mask->data() : nullptr;
  return inputs;
}

} // namespace bertc::test

const bertc_model_desc bertc_model_description = {
    BERTC_ABI_VERSION,
    sizeof(bertc_model_desc),
    bertc::test::manifest,
    sizeof(bertc::test::manifest) - 1,
    /*hidden_size=*/bertc::test::hiddenWidth,
    /*num_hidden_layers=*/2,
    /*num_attention_heads=*/1,
    /*intermediate_size=*/8,
    bertc::test::vocabSize,
    bertc::test::maxPositions,
    /*type_vocab_size=*/2,
    /*pad_token_id=*/0,
    bertc::test::weights,
    sizeof(bertc::test::weights),
    /*weights_hash=*/0,
    /*weights_file=*/nullptr,
    bertc::test::variants,
    /*variant_count=*/3,
    /*output_count=*/4,
    bertc::test::outputs,
    /*tokenizer=*/nullptr,
    /*tokenizer_size=*/0,
    /*train=*/nullptr,
    /*device_variants=*/nullptr,
    /*device_variant_count=*/0,
};
