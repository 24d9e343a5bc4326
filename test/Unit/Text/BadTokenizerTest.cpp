//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tokenizer files that must be refused, and what the refusal says: the file,
// the place, what was expected and found.
//
//===----------------------------------------------------------------------===//
#include "test/Unit/Text/TextTest.h"
#include "llvm/ADT/StringExtras.h"
#include <gtest/gtest.h>

using namespace bertc;
using namespace bertc::test;

namespace {

/// The parts of a small, good tokenizer.json, to be changed.
struct Json {
  std::string model =
      R"({"type": "WordPiece", "unk_token": "[UNK]", "vocab": )"
      R"({"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "a": 4}})";
  std::string normalizer = R"({"type": "BertNormalizer", "lowercase": true})";
  std::string preTokenizer = R"({"type": "BertPreTokenizer"})";
  std::string postProcessor =
      R"({"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]})";
  std::string added = "[]";

  std::string text() const {
    return "{\"version\": \"1.0\",\n\"added_tokens\": " + added +
           ",\n\"normalizer\": " + normalizer +
           ",\n\"pre_tokenizer\": " + preTokenizer +
           ",\n\"post_processor\": " + postProcessor +
           ",\n\"model\": " + model + "}\n";
  }
};

using Files = std::vector<std::pair<llvm::StringRef, std::string>>;

/// What loading a folder of these files says; empty if nothing.
std::string complaint(const Files &files) {
  Folder folder;
  for (const auto &[name, text] : files)
    folder.write(name, text);
  std::vector<Diagnostic> notes;
  llvm::Expected<TokenizerData> data = loadTokenizer(folder.path(), notes);
  if (data)
    return "";
  std::string text;
  llvm::handleAllErrors(data.takeError(), [&](const ModelError &error) {
    EXPECT_EQ(error.getDiagnostic().category, ExitCode::BadModel);
    text = error.getDiagnostic().str();
  });
  return text;
}

std::string complaint(const Json &json) {
  return complaint(Files{{"tokenizer.json", json.text()}});
}

const std::string vocabulary = lines({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "a"});

void expectPart(const std::string &text,
                llvm::ArrayRef<llvm::StringRef> parts) {
  for (llvm::StringRef part : parts)
    EXPECT_NE(text.find(part.str()), std::string::npos)
        << "missing: " << part.str() << "\nin: " << text;
}

TEST(BadTokenizer, GoodOnes) {
  EXPECT_EQ(complaint(Json()), "");
  EXPECT_EQ(complaint(Files{{"vocab.txt", vocabulary}}), "");
  Json sequence;
  sequence.normalizer =
      R"({"type": "Sequence", "normalizers": [{"type": "BertNormalizer"}]})";
  EXPECT_EQ(complaint(sequence), "");
}

TEST(BadTokenizer, NoFiles) {
  expectPart(complaint(Files{}),
             {"neither 'tokenizer.json' nor 'vocab.txt'", "help: "});
}

TEST(BadTokenizer, OtherModels) {
  Json json;
  json.model = R"({"type": "BPE", "vocab": {"a": 0}, "merges": []})";
  expectPart(complaint(json), {"tokenizer.json:6:", "'model.type'",
                               "expected 'WordPiece', got 'BPE'", "help: "});
  json = Json();
  json.model = R"({"vocab": {"a": 0}, "merges": []})";
  expectPart(complaint(json), {"missing key 'type'"});
}

TEST(BadTokenizer, OtherComponents) {
  Json json;
  json.normalizer = R"({"type": "NFKC"})";
  expectPart(complaint(json),
             {"'normalizer.type'", "'BertNormalizer'", "'NFKC'"});
  json = Json();
  json.normalizer = R"({"type": "Sequence", "normalizers": []})";
  expectPart(complaint(json), {"'normalizer.normalizers'", "got 0"});
  json = Json();
  json.preTokenizer = R"({"type": "Whitespace"})";
  expectPart(complaint(json), {"'pre_tokenizer.type'", "'Whitespace'"});
  json = Json();
  json.preTokenizer = "null";
  EXPECT_NE(complaint(json), "");
  json = Json();
  json.postProcessor = R"({"type": "RobertaProcessing"})";
  expectPart(complaint(json), {"'post_processor.type'", "'RobertaProcessing'",
                               "'TemplateProcessing' or 'BertProcessing'"});
}

TEST(BadTokenizer, Vocabularies) {
  auto withVocabulary = [](llvm::StringRef vocabulary) {
    Json json;
    json.model =
        ("{\"type\": \"WordPiece\", \"vocab\": " + vocabulary + "}").str();
    return complaint(json);
  };
  expectPart(withVocabulary(R"({"[UNK]": 0, "a": 2})"),
             {"no token has id 1", "without gaps", "got 2"});
  expectPart(withVocabulary(R"({"[UNK]": 0, "a": 1, "b": 1})"),
             {"'a' and 'b' have the same id, 1"});
  expectPart(withVocabulary(R"({"[UNK]": 0, "a": -1})"),
             {"'model.vocab.a'", "-1"});
  expectPart(withVocabulary(R"({"[UNK]": 0, "a": 2147483647})"),
             {"'model.vocab.a'", "2147483647"});
  expectPart(withVocabulary(R"({"[UNK]": 0, "a": 1.5})"),
             {"'model.vocab.a'", "1.5"});
  expectPart(withVocabulary(R"({"[UNK]": 0, "a": "1"})"), {"'model.vocab.a'"});
  expectPart(withVocabulary(R"({"[UNK]": 0, "[UNK]": 1})"),
             {"duplicate key '[UNK]'"});
  expectPart(withVocabulary("{}"), {"expected tokens, got none"});
  expectPart(withVocabulary("[]"), {"expected an object"});
  expectPart(withVocabulary(R"({"a": 0})"), {"lacks the token '[UNK]'"});
}

TEST(BadTokenizer, Templates) {
  auto withTemplate = [](llvm::StringRef single, llvm::StringRef special) {
    Json json;
    json.postProcessor =
        ("{\"type\": \"TemplateProcessing\", \"single\": " + single +
         ", \"pair\": [{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}, "
         "{\"Sequence\": {\"id\": \"B\", \"type_id\": 1}}], "
         "\"special_tokens\": " +
         special + "}")
            .str();
    return complaint(json);
  };
  llvm::StringRef a = R"({"Sequence": {"id": "A", "type_id": 0}})";
  llvm::StringRef cls = R"({"SpecialToken": {"id": "[CLS]", "type_id": 0}})";
  llvm::StringRef ids = R"({"[CLS]": {"id": "[CLS]", "ids": [2]}})";
  auto list = [](llvm::ArrayRef<llvm::StringRef> items) {
    return "[" + llvm::join(items, ", ") + "]";
  };
  EXPECT_EQ(withTemplate(list({cls, a, cls}), ids), "");
  expectPart(withTemplate(list({cls, cls}), ids),
             {"'post_processor.single'", "the sequence 'A'"});
  expectPart(withTemplate(list({cls, a, a}), ids), {"once each"});
  expectPart(withTemplate(list({a}), ids), {"special tokens around the text"});
  expectPart(withTemplate(list({cls, a}), "{}"), {"missing key '[CLS]'"});
  expectPart(withTemplate(list({cls, a, cls}), R"({"[CLS]": {"ids": [5]}})"),
             {"expected 0 to 4, got 5"});
  expectPart(withTemplate(R"([{"Sequence": {"id": "C", "type_id": 0}}])", ids),
             {"expected 'A' or 'B', got 'C'"});
}

TEST(BadTokenizer, AddedTokens) {
  auto withAdded = [](llvm::StringRef added) {
    Json json;
    json.added = ("[" + added + "]").str();
    return complaint(json);
  };
  EXPECT_EQ(withAdded(R"({"id": 5, "content": "<x>"})"), "");
  expectPart(withAdded(R"({"id": 7, "content": "<x>"})"),
             {"token '<x>' has id 7, expected 5"});
  expectPart(withAdded(R"({"id": 0, "content": "a"})"),
             {"token 'a' has id 0, expected 4 as before"});
  expectPart(withAdded(R"({"id": 5, "content": ""})"), {"empty string"});
  expectPart(withAdded(R"({"id": 5})"), {"missing key 'content'"});
  expectPart(withAdded(R"({"id": 5, "content": "x", "lstrip": 1})"),
             {"lstrip", "expected true or false"});
  expectPart(withAdded(R"({"id": 5, "content": "\u0301", "normalized": true})"),
             {"empty after normalization"});
  expectPart(withAdded(R"({"id": 5, "content": "X", "normalized": true},)"
                       R"({"id": 6, "content": "x", "normalized": true})"),
             {"'x' looks the same as 'X'"});
  std::string longToken =
      R"({"id": 5, "content": ")" + std::string(2000, 'x') + "\"}";
  expectPart(withAdded(longToken), {"too long", "2000"});
}

TEST(BadTokenizer, VocabularyFiles) {
  auto text = [](llvm::ArrayRef<llvm::StringRef> tokens) {
    return complaint(Files{{"vocab.txt", lines(tokens)}});
  };
  expectPart(text({"[UNK]", "[CLS]", "[SEP]", "a", "b", "a"}),
             {"vocab.txt:6:1", "'a'", "ids 3 and 5", "vocab.txt:4:1"});
  expectPart(text({"[CLS]", "[SEP]"}), {"lacks the token '[UNK]'", "help: "});
  expectPart(text({"[UNK]", "[SEP]"}), {"lacks the token '[CLS]'"});
  expectPart(text({"[UNK]", "[CLS]"}), {"lacks the token '[SEP]'"});
  expectPart(complaint(Files{{"vocab.txt", ""}}), {"empty file"});
  expectPart(complaint(Files{{"vocab.txt", "\n\n\n"}}), {"empty file"});
  expectPart(complaint(Files{{"vocab.txt", "a\n\xff\n"}}), {"invalid UTF-8"});
}

TEST(BadTokenizer, Configurations) {
  auto config = [](const std::string &json) {
    return complaint(
        Files{{"vocab.txt", vocabulary}, {"tokenizer_config.json", json}});
  };
  expectPart(config(R"({"tokenizer_class": "RobertaTokenizer"})"),
             {"tokenizer_config.json:1:", "'RobertaTokenizer'"});
  expectPart(config(R"({"do_lower_case": "yes"})"),
             {"'do_lower_case'", "expected true or false"});
  expectPart(config(R"({"model_max_length": 0})"), {"positive integer, got 0"});
  expectPart(config(R"({"model_max_length": 1.5})"), {"got 1.5"});
  expectPart(config(R"({"cls_token": "<s>"})"), {"lacks the token '<s>'"});
  expectPart(config(R"({"cls_token": 5})"), {"'cls_token'"});
  expectPart(config(R"({"added_tokens_decoder": {"x": {"content": "y"}}})"),
             {"expected a token id, got 'x'"});
  expectPart(config(R"({"added_tokens_decoder": {"9": {"content": "y"}}})"),
             {"token 'y' has id 9, expected 5"});
  expectPart(config("[]"), {"expected an object"});
  EXPECT_EQ(config(R"({"model_max_length": 1e30, "mask_token": null})"), "");
}

TEST(BadTokenizer, Contradictions) {
  auto both = [](const std::string &config) {
    return complaint(Files{{"tokenizer.json", Json().text()},
                           {"tokenizer_config.json", config}});
  };
  EXPECT_EQ(both(R"({"do_lower_case": true, "strip_accents": null})"), "");
  expectPart(both(R"({"do_lower_case": false})"),
             {"tokenizer_config.json:1:", "'do_lower_case' is false",
              "'lowercase' is true", "tokenizer.json:3:"});
  expectPart(both(R"({"strip_accents": false})"), {"'strip_accents' is false"});
  expectPart(both(R"({"tokenize_chinese_chars": false})"),
             {"'tokenize_chinese_chars' is false"});
}

TEST(BadTokenizer, AgainstTheModel) {
  Folder folder;
  folder.write("vocab.txt", vocabulary);
  std::vector<Diagnostic> notes;
  llvm::Expected<TokenizerData> data = loadTokenizer(folder.path(), notes);
  ASSERT_TRUE(bool(data));
  EXPECT_EQ(data->modelMaxLength, 0u);
  ModelConfig config;
  config.file = "config.json";
  config.vocabSize = 5;
  config.maxPositionEmbeddings = 64;
  EXPECT_FALSE(bool(checkTokenizer(*data, config)));
  EXPECT_EQ(data->modelMaxLength, 64u);
  config.vocabSize = 4;
  expectPart(llvm::toString(checkTokenizer(*data, config)),
             {"has 5 tokens, expected at most 4", "'config.json'"});
  config.vocabSize = 5;
  config.maxPositionEmbeddings = 2;
  expectPart(llvm::toString(checkTokenizer(*data, config)),
             {"special tokens need 3 positions"});
}

TEST(BadTokenizer, Remarks) {
  Folder folder;
  folder.write("vocab.txt", vocabulary);
  folder.write("tokenizer_config.json", R"({"mask_token": "<mask>"})");
  std::vector<Diagnostic> notes;
  llvm::Expected<TokenizerData> data = loadTokenizer(folder.path(), notes);
  ASSERT_TRUE(bool(data));
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].severity, Severity::Warning);
  expectPart(notes[0].str(), {"'<mask>' is not in the vocabulary"});
  EXPECT_FALSE(data->maskId.has_value());
}

TEST(BadTokenizer, EscapedCharacters) {
  Json json;
  json.model = R"({"type": "WordPiece", "vocab": {"[UNK]": 0, "\ud840\udc00": )"
               R"(1, "[CLS]": 2, "[SEP]": 3, "\u00e9\\\"": 4}})";
  Folder folder;
  folder.write("tokenizer.json", json.text());
  std::vector<Diagnostic> notes;
  llvm::Expected<TokenizerData> data = loadTokenizer(folder.path(), notes);
  ASSERT_TRUE(bool(data)) << llvm::toString(data.takeError());
  EXPECT_EQ(data->tokens[1], "\xf0\xa0\x80\x80");
  EXPECT_EQ(data->tokens[4], "\xc3\xa9\\\"");
}

} // namespace
