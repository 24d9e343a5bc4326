//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A hand-written model for tests of the runtime. Its outputs tell what
// generated code was given, so tests compare them with what the caller passed;
// its forward function checks, on every thread, the promises that the ABI
// makes.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_RUNTIME_FAKEMODEL_H
#define BERTC_TEST_UNIT_RUNTIME_FAKEMODEL_H

#include "runtime/abi/abi.h"
#include "runtime/cpu/CpuFeatures.h"
#include "runtime/include/bertc.h"

#include <atomic>
#include <cstdlib>
#include <string>
#include <vector>

namespace bertc::test {

/// Sizes of the fake model. Its outputs, in order:
///   last_hidden_state   per token: id, type, position, sequence
///   pooler_output       per sequence: length, sum of ids, first id
///   sentence_embedding  per sequence: length, last id
///   attentions.0        per pair: see pairValue
constexpr int hiddenWidth = 4;
constexpr int poolerWidth = 3;
constexpr int embeddingWidth = 2;
constexpr int headCount = 3;
constexpr int vocabSize = 100;
constexpr int maxPositions = 16;

/// Of a query and a key token with these ids; never 0.
inline float pairValue(int64_t head, int64_t query, int64_t key) {
  return static_cast<float>(1 + head * vocabSize * vocabSize +
                            query * vocabSize + key);
}

/// What the forward function saw during the last run; of runs at the same time,
/// only the counters are meaningful.
struct Observed {
  std::atomic<int> faults{0};  // promises of the ABI that were broken
  std::atomic<int> entries{0}; // threads that entered
  std::atomic<unsigned> mode{0};
  std::atomic<uint64_t> tids{0}; // bit per tid
  std::atomic<int64_t> tokens{0}, sequences{0}, longest{0}, threads{0};
  std::atomic<const uint8_t *> weights{nullptr};
  std::atomic<const char *> variant{""};
  /// Called by thread 0 within the run, if set.
  void (*inside)() = nullptr;
  /// Barriers that each thread passes in a run, at least 2.
  int barriers = 2;
};
extern Observed observed;

/// The description that the API of the test program opens; variants "first"
/// and "second" run anywhere, "future" nowhere.
const bertc_model_desc &fakeDescription();

/// Every processor feature, or none.
rt::CpuFeatures fullCpu();
rt::CpuFeatures bareCpu();

/// Sets an environment variable for one scope; null unsets it.
class ScopedEnv {
public:
  ScopedEnv(const char *name, const char *value);
  ~ScopedEnv();

private:
  std::string name, before;
  bool had;
};

inline const bertc_api &api() { return *bertc_get_api(BERTC_API_VERSION); }

/// An open model and a session on it.
struct Opened {
  bertc_model *model = nullptr;
  bertc_session *session = nullptr;
  explicit Opened(uint32_t threads = 1);
  Opened(const Opened &) = delete;
  Opened &operator=(const Opened &) = delete;
  ~Opened();
};

/// A padded batch in which every position is real unless `mask` says otherwise.
bertc_padded_inputs padded(int64_t batch, int64_t seq,
                           const std::vector<int64_t> &ids,
                           const std::vector<int64_t> *mask = nullptr);

} // namespace bertc::test

#endif
