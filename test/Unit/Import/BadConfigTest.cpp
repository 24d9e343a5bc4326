//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Damaged config.json files: JSON that is broken, and JSON that is well formed
// but does not describe an encoder that can be compiled.
//
//===----------------------------------------------------------------------===//
#include "TestModel.h"

#include "llvm/Support/FileSystem.h"

using namespace bertc;
using namespace bertc::test;

namespace {
/// A config.json with this text.
std::function<void(TestModel &)> text(std::string content) {
  return [content](TestModel &m) { m.folder.write("config.json", content); };
}
/// A valid config with one field set to this JSON text.
std::function<void(TestModel &)> field(const char *key, std::string value) {
  return [=](TestModel &m) {
    std::string out = "{";
    for (const auto &entry : m.config) {
      if (entry.first == key)
        continue;
      llvm::raw_string_ostream os(out);
      os << "\n  \"" << entry.first << "\": " << entry.second << ",";
    }
    m.folder.write("config.json",
                   out + "\n  \"" + key + "\": " + value + "\n}\n");
  };
}
std::string repeated(const char *part, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i)
    out += part;
  return out;
}

const BadModel brokenJson[] = {
    {"Empty",
     text(""),
     {"config.json: error: expected JSON, got an empty file"}},
    {"Blank", text(" \n\t"), {"expected JSON, got an empty file"}},
    {"Array",
     text("[]"),
     {"config.json:1:1: error: the document: expected an object, got an "
      "array"}},
    {"String", text("\"bert\""), {"expected an object, got the string 'bert'"}},
    {"CutOff",
     text("{\"model_type\": \"bert\","),
     {"config.json:1:23: error: unexpected end of the file, expected a key",
      "note: this object is not closed",
      "help: the file may have been cut off"}},
    {"CutOffInString",
     text("{\"model_type\": \"be"),
     {"unexpected end of the file, expected '\"' at the end of a string",
      "config.json:1:16: note: the string starts here"}},
    {"CutOffInNumber", text("{\"hidden_size\": -"), {"invalid number '-'"}},
    {"TrailingComma",
     text("{\n  \"model_type\": \"bert\",\n}"),
     {"config.json:3:1: error: expected a key in double quotes, got '}'",
      "help: remove the comma before '}'"}},
    {"MissingColon",
     text("{\"model_type\" \"bert\"}"),
     {"config.json:1:15: error: expected ':' after a key, got '\"'"}},
    {"MissingComma",
     text("{\"a\": 1 \"b\": 2}"),
     {"error: expected ',' or '}', got '\"'"}},
    {"MixedBrackets", text("{\"a\": [1}"), {"expected ',' or ']', got '}'"}},
    {"AfterTheEnd", text("{} x"), {"expected the end of the file, got 'x'"}},
    {"DuplicateKey",
     text("{\n \"hidden_size\": 32,\n \"hidden_size\": 64\n}"),
     {"config.json:3:2: error: duplicate key 'hidden_size'",
      "config.json:2:2: note: first given here"}},
    {"DuplicateEscapedKey",
     text("{\"a\": 1, \"\\u0061\": 2}"),
     {"duplicate key 'a'"}},
    {"DeepArrays",
     text(repeated("[", 100000)),
     {"config.json:1:257: error: arrays and objects are nested too deeply, "
      "expected at most 256 levels"}},
    {"DeepObjects",
     text(repeated("{\"a\":", 100000)),
     {"nested too deeply, expected at most 256 levels"}},
    {"DeepAndClosed",
     text(repeated("[", 100000) + repeated("]", 100000)),
     {"nested too deeply"}},
    {"InvalidUtf8",
     text("{\"model_type\": \"b\xc3\x28rt\"}"),
     {"config.json:1:18: error: invalid UTF-8, got byte 0xc3"}},
    {"OverlongUtf8",
     text("{\"\xc0\xaf\": 1}"),
     {"invalid UTF-8, got byte 0xc0"}},
    {"Utf16",
     text("\xff\xfe{"),
     {"expected UTF-8, got a UTF-16 byte order mark"}},
    {"Nan",
     text("{\"layer_norm_eps\": NaN}"),
     {"expected a value, got 'NaN'", "help: JSON has no NaN"}},
    {"PythonTrue",
     text("{\"is_decoder\": True}"),
     {"expected a value, got 'True'", "help: JSON writes true"}},
    {"SingleQuotes",
     text("{\"model_type\": 'bert'}"),
     {"help: JSON strings have double quotes"}},
    {"LeadingZero", text("{\"hidden_size\": 032}"), {"invalid number '032'"}},
    {"Comment",
     text("{ // sizes\n}"),
     {"expected a key in double quotes, got '/'"}},
    {"NewlineInString",
     text("{\"a\": \"x\ny\"}"),
     {"control character in a string"}},
    {"EscapeCharacter",
     text("{\"\x1b[31m\": 1}"),
     {"control character in a string"}},
    {"BadEscape", text("{\"a\": \"\\x41\"}"), {"invalid escape in a string"}},
    {"BadUnicodeEscape",
     text("{\"a\": \"\\u12g4\"}"),
     {"expected four hexadecimal digits after '\\u'"}},
    {"UnpairedSurrogate",
     text("{\"a\": \"\\ud800\"}"),
     {"unpaired surrogate in a string"}},
    {"ReversedSurrogates",
     text("{\"a\": \"\\udc00\\ud800\"}"),
     {"unpaired surrogate in a string"}},
    {"ZeroByte",
     text(std::string("{\"a\": \0}", 8)),
     {"expected a value, got '\\x00'"}},
    {"LfsPointer",
     text("version https://git-lfs.github.com/spec/v1\n"),
     {"the file is a Git LFS pointer", "help: run 'git lfs pull'"}},
    {"TooLarge",
     text("{\"a\": \"" + std::string(17 << 20, 'x') + "\"}"),
     {"the file is too large, expected at most 16777216 bytes"}},
};

const BadModel badFields[] = {
    {"NoModelType",
     [](TestModel &m) { m.config.erase("model_type"); },
     {"config.json:1:1: error: missing key 'model_type'",
      "help: add \"model_type\""}},
    {"OtherModelType",
     field("model_type", "\"roberta\""),
     {"unsupported 'model_type', expected 'bert', got 'roberta'",
      "\"model_type\": \"roberta\""}},
    {"ModelTypeNumber",
     field("model_type", "3"),
     {"'model_type': expected a string, got 3"}},
    {"ModelTypeControl",
     field("model_type", "\"\\u001b[2J\""),
     {"got '\\x1b[2J'"}},
    {"HiddenSizeString",
     field("hidden_size", "\"32\""),
     {"'hidden_size': expected an integer, got the string '32'"}},
    {"HiddenSizeFraction",
     field("hidden_size", "32.5"),
     {"'hidden_size': expected an integer, got 32.5"}},
    {"HiddenSizeNegative",
     field("hidden_size", "-32"),
     {"'hidden_size' is out of range, expected 16 to 32768, got -32"}},
    {"HiddenSizeHuge",
     field("hidden_size", "1e300"),
     {"'hidden_size': expected an integer, got 1e300"}},
    {"HiddenSizeOverflow",
     field("hidden_size", "9223372036854775807"),
     {"'hidden_size' is out of range"}},
    {"HiddenSizeNull",
     field("hidden_size", "null"),
     {"'hidden_size': expected an integer, got null"}},
    {"HiddenSizeList",
     field("hidden_size", "[32]"),
     {"'hidden_size': expected an integer, got an array"}},
    {"HeadsDoNotDivide",
     field("num_attention_heads", "3"),
     {"'hidden_size' is not a multiple of 'num_attention_heads', got 32 and "
      "3"}},
    {"HeadsZero",
     field("num_attention_heads", "0"),
     {"'num_attention_heads' is out of range, expected 1 to 2048, got 0"}},
    {"HeadTooSmall",
     field("num_attention_heads", "4"),
     {"unsupported head size", "to be 16 to 128, got 32 / 4 = 8"}},
    {"HeadTooLarge", field("hidden_size", "512"), {"got 512 / 2 = 256"}},
    {"LayersZero",
     field("num_hidden_layers", "0"),
     {"'num_hidden_layers' is out of range, expected 1 to 1000, got 0"}},
    {"LayersMany",
     field("num_hidden_layers", "100000"),
     {"'num_hidden_layers' is out of range"}},
    {"VocabZero", field("vocab_size", "0"), {"'vocab_size' is out of range"}},
    {"PositionsNegative",
     field("max_position_embeddings", "-1"),
     {"'max_position_embeddings' is out of range"}},
    {"TypesBool",
     field("type_vocab_size", "true"),
     {"'type_vocab_size': expected an integer, got true"}},
    {"IntermediateHuge",
     field("intermediate_size", "4294967296"),
     {"'intermediate_size' is out of range, expected 1 to 262144, got "
      "4294967296"}},
    {"Activation",
     field("hidden_act", "\"quick_gelu\""),
     {"unsupported activation 'quick_gelu' for 'hidden_act', expected gelu, "
      "gelu_new, gelu_pytorch_tanh, relu, silu or tanh"}},
    {"ActivationObject",
     field("hidden_act", "{}"),
     {"'hidden_act': expected a string, got an object"}},
    {"EpsilonZero",
     field("layer_norm_eps", "0"),
     {"'layer_norm_eps' is out of range, expected more than 0 and at most 1, "
      "got 0"}},
    {"EpsilonNegative", field("layer_norm_eps", "-1e-12"), {"got -1e-12"}},
    {"EpsilonString",
     field("layer_norm_eps", "\"1e-12\""),
     {"'layer_norm_eps': expected a finite number, got the string '1e-12'"}},
    {"EpsilonInfinite",
     field("layer_norm_eps", "1e999"),
     {"'layer_norm_eps': expected a finite number, got 1e999"}},
    {"Decoder",
     field("is_decoder", "true"),
     {"'is_decoder' is true, expected an encoder"}},
    {"DecoderNumber",
     field("is_decoder", "1"),
     {"'is_decoder': expected true or false, got 1"}},
    {"CrossAttention",
     field("add_cross_attention", "true"),
     {"'add_cross_attention' is true, expected an encoder"}},
    {"RelativePositions",
     field("position_embedding_type", "\"relative_key\""),
     {"unsupported 'position_embedding_type', expected 'absolute', got "
      "'relative_key'"}},
    {"Quantized",
     field("quantization_config", "{\"bits\": 4}"),
     {"the checkpoint is quantized, expected floating-point weights"}},
    {"PrunedHeads",
     field("pruned_heads", "{\"0\": [1]}"),
     {"pruned attention heads are not supported"}},
    {"PadOutOfRange",
     field("pad_token_id", "20"),
     {"'pad_token_id' is out of range, expected 0 to 19, got 20"}},
    {"ArchitecturesString",
     field("architectures", "\"BertModel\""),
     {"'architectures': expected an array, got the string 'BertModel'"}},
    {"ArchitecturesNumber",
     field("architectures", "[\"BertModel\", 7]"),
     {"'architectures[1]': expected a string, got 7"}},
};

const BadModel badPaths[] = {
    {"NoSuchPath",
     [](TestModel &) {},
     {"nowhere: error: cannot open the model: ",
      "help: expected a Hugging Face"},
     ExitCode::BadModel,
     "",
     "nowhere"},
    {"NotADirectory",
     [](TestModel &m) { m.folder.write("model.bin", "x"); },
     {"model.bin: error: expected a model directory or a config.json"},
     ExitCode::BadModel,
     "",
     "model.bin"},
    {"NoConfig",
     [](TestModel &m) { m.folder.write("sub/vocab.txt", "[PAD]\n"); },
     {"sub: error: no config.json in the directory"},
     ExitCode::BadModel,
     "",
     "sub"},
    {"ConfigIsDirectory",
     [](TestModel &m) { m.folder.write("config.json/x", ""); },
     {"config.json: error: expected a regular file, got a directory"}},
    {"ConfigIsDevice",
     [](TestModel &m) {
       (void)llvm::sys::fs::create_link("/dev/zero",
                                        m.folder.path("config.json"));
     },
     {"expected a regular file, got a special file"}},
};
} // namespace

INSTANTIATE_TEST_SUITE_P(BrokenJson, BadModelTest,
                         ::testing::ValuesIn(brokenJson), badModelName);
INSTANTIATE_TEST_SUITE_P(BadField, BadModelTest, ::testing::ValuesIn(badFields),
                         badModelName);
INSTANTIATE_TEST_SUITE_P(BadPath, BadModelTest, ::testing::ValuesIn(badPaths),
                         badModelName);
