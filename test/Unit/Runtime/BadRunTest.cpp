//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every way in which the data of a run can be wrong: each is refused with a
// message that names the array, the index, the value and what was expected,
// and the session works afterwards.
//
//===----------------------------------------------------------------------===//
#include "FakeModel.h"

#include <functional>
#include <gtest/gtest.h>

using namespace bertc::test;

namespace {

/// A padded run that is right before a case spoils it.
struct PaddedRun {
  std::vector<int64_t> ids{1, 2, 3, 4, 5, 6}, mask{1, 1, 0, 1, 1, 1},
      types{0, 1, 0, 1, 0, 1}, positions{0, 1, 2, 3, 4, 5};
  bertc_padded_inputs inputs = BERTC_INIT(bertc_padded_inputs);
  std::vector<float> data = std::vector<float>(6 * hiddenWidth);
  std::vector<bertc_output> outputs;
  bertc_session *session = nullptr;
  const bertc_padded_inputs *given = &inputs;
  const bertc_output *givenOutputs = nullptr;

  PaddedRun() {
    inputs.batch = 2;
    inputs.seq = 3;
    inputs.input_ids = ids.data();
    inputs.attention_mask = mask.data();
    inputs.token_type_ids = types.data();
    inputs.position_ids = positions.data();
    outputs = {{"last_hidden_state", data.data(), data.size()}};
    givenOutputs = outputs.data();
  }
  bertc_code run(bertc_status *status) {
    return api().run_padded(session, given, givenOutputs, outputs.size(),
                            status);
  }
};

struct PackedRun {
  std::vector<int64_t> ids{1, 2, 3, 4}, offsets{0, 1, 4}, types{0, 1, 0, 1},
      positions{0, 1, 2, 3};
  bertc_packed_inputs inputs = BERTC_INIT(bertc_packed_inputs);
  std::vector<float> data = std::vector<float>(4 * hiddenWidth);
  std::vector<bertc_output> outputs;
  bertc_session *session = nullptr;
  const bertc_packed_inputs *given = &inputs;

  PackedRun() {
    inputs.tokens = 4;
    inputs.sequences = 2;
    inputs.input_ids = ids.data();
    inputs.cu_seqlens = offsets.data();
    inputs.token_type_ids = types.data();
    inputs.position_ids = positions.data();
    outputs = {{"last_hidden_state", data.data(), data.size()}};
  }
  bertc_code run(bertc_status *status) {
    return api().run_packed(session, given, outputs.data(), outputs.size(),
                            status);
  }
};

template <typename Run> struct BadCase {
  const char *name;
  std::function<void(Run &)> spoil;
  bertc_code code;
  const char *message;
};

template <typename Run> void refuse(const std::vector<BadCase<Run>> &cases) {
  Opened opened(2);
  for (const BadCase<Run> &bad : cases) {
    SCOPED_TRACE(bad.name);
    bertc_status status;
    Run run;
    run.session = opened.session;
    bad.spoil(run);
    EXPECT_EQ(run.run(&status), bad.code);
    EXPECT_EQ(status.code, bad.code);
    EXPECT_STREQ(status.message, bad.message);
    EXPECT_EQ(run.run(nullptr), bad.code);

    Run right;
    right.session = opened.session;
    EXPECT_EQ(right.run(&status), BERTC_OK) << status.message;
  }
}

} // namespace

TEST(BadRun, Padded) {
  using R = PaddedRun;
  static std::vector<int64_t> longMask(40, 1);
  static std::vector<int64_t> lateMask(40, 0);
  lateMask[20] = 1;
  static std::vector<float> tooSmall(3);
  refuse<R>({
      {"no session", [](R &r) { r.session = nullptr; }, BERTC_INVALID_ARGUMENT,
       "session is null, expected a handle from session_create"},
      {"no inputs", [](R &r) { r.given = nullptr; }, BERTC_INVALID_ARGUMENT,
       "bertc_padded_inputs is null, expected a pointer to a struct"},
      {"no struct_size", [](R &r) { r.inputs.struct_size = 0; },
       BERTC_INVALID_ARGUMENT,
       "bertc_padded_inputs has struct_size 0, expected its size in bytes\n"
       "help: initialise it with BERTC_INIT(bertc_padded_inputs)"},
      {"struct_size of garbage", [](R &r) { r.inputs.struct_size = ~0ull; },
       BERTC_INVALID_ARGUMENT,
       "bertc_padded_inputs has struct_size 18446744073709551615, expected its "
       "size in bytes\n"
       "help: initialise it with BERTC_INIT(bertc_padded_inputs)"},
      {"older struct without input_ids",
       [](R &r) {
         r.inputs.struct_size = offsetof(bertc_padded_inputs, input_ids);
       },
       BERTC_INVALID_ARGUMENT,
       "bertc_padded_inputs.input_ids is null, expected an array"},
      {"no ids", [](R &r) { r.inputs.input_ids = nullptr; },
       BERTC_INVALID_ARGUMENT,
       "bertc_padded_inputs.input_ids is null, expected an array"},
      {"dtype", [](R &r) { r.inputs.dtype = 7; }, BERTC_INVALID_ARGUMENT,
       "bertc_padded_inputs.dtype is 7, expected BERTC_I64 or BERTC_I32"},
      {"batch 0", [](R &r) { r.inputs.batch = 0; }, BERTC_BAD_INPUT,
       "bertc_padded_inputs.batch is 0, expected at least 1"},
      {"batch below 0", [](R &r) { r.inputs.batch = -2; }, BERTC_BAD_INPUT,
       "bertc_padded_inputs.batch is -2, expected at least 1"},
      {"seq 0", [](R &r) { r.inputs.seq = 0; }, BERTC_BAD_INPUT,
       "bertc_padded_inputs.seq is 0, expected at least 1"},
      {"batch * seq too large",
       [](R &r) { r.inputs.batch = r.inputs.seq = 1 << 16; }, BERTC_BAD_INPUT,
       "batch * seq is 65536 * 65536, expected less than 2^31"},
      {"batch * seq overflows",
       [](R &r) { r.inputs.batch = r.inputs.seq = INT64_MAX; }, BERTC_BAD_INPUT,
       "batch * seq is 9223372036854775807 * 9223372036854775807, expected "
       "less than 2^31"},
      {"mask of 2", [](R &r) { r.mask[4] = 2; }, BERTC_BAD_INPUT,
       "attention_mask[1, 1] is 2, expected 0 or 1"},
      {"mask of -1", [](R &r) { r.mask[0] = -1; }, BERTC_BAD_INPUT,
       "attention_mask[0, 0] is -1, expected 0 or 1"},
      {"row without token", [](R &r) { r.mask[3] = r.mask[4] = r.mask[5] = 0; },
       BERTC_BAD_INPUT,
       "attention_mask row 1 is all 0, expected at least one real token in "
       "each row\nhelp: leave the row out"},
      {"id too large", [](R &r) { r.ids[4] = 100; }, BERTC_BAD_INPUT,
       "input_ids[1, 1] is 100, expected 0 to 99, as vocab_size is 100"},
      {"id below 0", [](R &r) { r.ids[0] = -1; }, BERTC_BAD_INPUT,
       "input_ids[0, 0] is -1, expected 0 to 99, as vocab_size is 100"},
      {"id beyond 32 bits", [](R &r) { r.ids[0] = 1ll << 32; }, BERTC_BAD_INPUT,
       "input_ids[0, 0] is 4294967296, expected 0 to 99, as vocab_size is 100"},
      {"i64 ids said to be i32",
       [](R &r) {
         r.inputs.dtype = BERTC_I32;
         r.ids = {1 | 700ll << 32, 2, 3, 4, 5, 6};
         r.inputs.attention_mask = nullptr;
         r.inputs.input_ids = r.ids.data();
       },
       BERTC_BAD_INPUT,
       "input_ids[0, 1] is 700, expected 0 to 99, as vocab_size is 100"},
      {"type", [](R &r) { r.types[3] = 2; }, BERTC_BAD_INPUT,
       "token_type_ids[1, 0] is 2, expected 0 to 1, as type_vocab_size is 2"},
      {"position", [](R &r) { r.positions[5] = 16; }, BERTC_BAD_INPUT,
       "position_ids[1, 2] is 16, expected 0 to 15, as max_position_embeddings "
       "is 16"},
      {"position below 0", [](R &r) { r.positions[5] = -3; }, BERTC_BAD_INPUT,
       "position_ids[1, 2] is -3, expected 0 to 15, as max_position_embeddings "
       "is 16"},
      {"row too long",
       [](R &r) {
         r.inputs.batch = 1;
         r.inputs.seq = 40;
         r.inputs.attention_mask = longMask.data();
         r.data.resize(40 * hiddenWidth);
         r.outputs[0] = {"last_hidden_state", r.data.data(), r.data.size()};
       },
       BERTC_BAD_INPUT,
       "row 0 has 40 tokens, expected at most 16, the model's "
       "max_position_embeddings\nhelp: cut the text, or split it"},
      {"column beyond the positions",
       [](R &r) {
         r.inputs.batch = 1;
         r.inputs.seq = 40;
         r.inputs.attention_mask = lateMask.data();
         r.inputs.input_ids = lateMask.data();
         r.inputs.token_type_ids = nullptr;
         r.inputs.position_ids = nullptr;
         r.data.resize(40 * hiddenWidth);
         r.outputs[0] = {"last_hidden_state", r.data.data(), r.data.size()};
       },
       BERTC_BAD_INPUT,
       "position of input_ids[0, 20] is 20, expected 0 to 15, as "
       "max_position_embeddings is 16"},
      {"no outputs", [](R &r) { r.outputs.clear(); }, BERTC_INVALID_ARGUMENT,
       "outputs is empty, expected at least one wanted output"},
      {"null outputs", [](R &r) { r.givenOutputs = nullptr; },
       BERTC_INVALID_ARGUMENT,
       "outputs is empty, expected at least one wanted output"},
      {"output without name", [](R &r) { r.outputs[0].name = nullptr; },
       BERTC_INVALID_ARGUMENT,
       "outputs[0].name is null, expected the name of an output"},
      {"unknown output", [](R &r) { r.outputs[0].name = "logits"; },
       BERTC_NOT_IN_MODEL,
       "this model has no output 'logits', expected one of last_hidden_state, "
       "pooler_output, sentence_embedding, attentions.0\n"
       "help: compile with --outputs"},
      {"output without buffer", [](R &r) { r.outputs[0].data = nullptr; },
       BERTC_INVALID_ARGUMENT,
       "outputs[0].data (last_hidden_state) is null, expected a buffer"},
      {"small buffer", [](R &r) { r.outputs[0].size = 23; },
       BERTC_INVALID_ARGUMENT,
       "outputs[0].size (last_hidden_state) is 23 floats, expected at least 6 "
       "rows of 4"},
      {"small buffer of sequences",
       [](R &r) { r.outputs[0] = {"pooler_output", tooSmall.data(), 3}; },
       BERTC_INVALID_ARGUMENT,
       "outputs[0].size (pooler_output) is 3 floats, expected at least 2 rows "
       "of 3"},
      {"output twice",
       [](R &r) {
         r.outputs.push_back(r.outputs[0]);
         r.givenOutputs = r.outputs.data();
       },
       BERTC_INVALID_ARGUMENT,
       "outputs[1] is last_hidden_state again, expected each name once"},
  });
}

TEST(BadRun, Packed) {
  using R = PackedRun;
  static std::vector<int64_t> zeros(20, 0), longOffsets{0, 20};
  refuse<R>({
      {"no inputs", [](R &r) { r.given = nullptr; }, BERTC_INVALID_ARGUMENT,
       "bertc_packed_inputs is null, expected a pointer to a struct"},
      {"no struct_size", [](R &r) { r.inputs.struct_size = 3; },
       BERTC_INVALID_ARGUMENT,
       "bertc_packed_inputs has struct_size 3, expected its size in bytes\n"
       "help: initialise it with BERTC_INIT(bertc_packed_inputs)"},
      {"no ids", [](R &r) { r.inputs.input_ids = nullptr; },
       BERTC_INVALID_ARGUMENT,
       "bertc_packed_inputs.input_ids is null, expected an array"},
      {"no offsets", [](R &r) { r.inputs.cu_seqlens = nullptr; },
       BERTC_INVALID_ARGUMENT,
       "bertc_packed_inputs.cu_seqlens is null, expected an array"},
      {"dtype", [](R &r) { r.inputs.dtype = 2; }, BERTC_INVALID_ARGUMENT,
       "bertc_packed_inputs.dtype is 2, expected BERTC_I64 or BERTC_I32"},
      {"tokens 0", [](R &r) { r.inputs.tokens = 0; }, BERTC_BAD_INPUT,
       "bertc_packed_inputs.tokens is 0, expected at least 1"},
      {"tokens too large", [](R &r) { r.inputs.tokens = 1ll << 31; },
       BERTC_BAD_INPUT,
       "bertc_packed_inputs.tokens is 2147483648, expected less than 2^31"},
      {"sequences 0", [](R &r) { r.inputs.sequences = 0; }, BERTC_BAD_INPUT,
       "bertc_packed_inputs.sequences is 0, expected at least 1"},
      {"more sequences than tokens", [](R &r) { r.inputs.sequences = 5; },
       BERTC_BAD_INPUT,
       "bertc_packed_inputs.sequences is 5, expected at most the number of "
       "tokens, 4"},
      {"first offset", [](R &r) { r.offsets[0] = 1; }, BERTC_BAD_INPUT,
       "cu_seqlens[0] is 1, expected 0"},
      {"empty sequence", [](R &r) { r.offsets[1] = 0; }, BERTC_BAD_INPUT,
       "cu_seqlens[1] is 0, expected 1 to 4, as each sequence has at least one "
       "token"},
      {"falling offsets",
       [](R &r) {
         r.offsets = {0, 3, 2};
         r.inputs.cu_seqlens = r.offsets.data();
       },
       BERTC_BAD_INPUT,
       "cu_seqlens[2] is 2, expected 4 to 4, as each sequence has at least one "
       "token"},
      {"offset below 0", [](R &r) { r.offsets[1] = -9; }, BERTC_BAD_INPUT,
       "cu_seqlens[1] is -9, expected 1 to 4, as each sequence has at least "
       "one token"},
      {"offset beyond the tokens", [](R &r) { r.offsets[2] = 5; },
       BERTC_BAD_INPUT,
       "cu_seqlens[2] is 5, expected 2 to 4, as each sequence has at least one "
       "token"},
      {"tokens without sequence", [](R &r) { r.offsets[2] = 3; },
       BERTC_BAD_INPUT, "cu_seqlens[2] is 3, expected the number of tokens, 4"},
      {"sequence too long",
       [](R &r) {
         r.inputs.tokens = 20;
         r.inputs.sequences = 1;
         r.inputs.input_ids = zeros.data();
         r.inputs.cu_seqlens = longOffsets.data();
       },
       BERTC_BAD_INPUT,
       "sequence 0 has 20 tokens, expected at most 16, the model's "
       "max_position_embeddings\nhelp: cut the text, or split it"},
      {"id", [](R &r) { r.ids[3] = 123; }, BERTC_BAD_INPUT,
       "input_ids[3] is 123, expected 0 to 99, as vocab_size is 100"},
      {"type", [](R &r) { r.types[1] = -1; }, BERTC_BAD_INPUT,
       "token_type_ids[1] is -1, expected 0 to 1, as type_vocab_size is 2"},
      {"position", [](R &r) { r.positions[2] = 1 << 20; }, BERTC_BAD_INPUT,
       "position_ids[2] is 1048576, expected 0 to 15, as "
       "max_position_embeddings is 16"},
      {"small buffer", [](R &r) { r.outputs[0].size = 15; },
       BERTC_INVALID_ARGUMENT,
       "outputs[0].size (last_hidden_state) is 15 floats, expected at least 4 "
       "rows of 4"},
  });
}
