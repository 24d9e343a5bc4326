//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// SQuAD files, windows, and answers from logits.
//
//===----------------------------------------------------------------------===//
#include "TestData.h"
#include "tools/finetune/Evaluate.h"

using namespace bertc;
using namespace bertc::finetune;
using namespace bertc::finetune::test;

namespace {

using Ints = std::vector<int32_t>;

std::string squad(llvm::StringRef context, llvm::StringRef questions) {
  return ("{\"version\": \"x\", \"data\": [{\"title\": \"t\", \"paragraphs\": "
          "[{\n\"context\": \"" +
          context + "\", \"qas\": [\n" + questions + "]}]}]}")
      .str();
}

std::string question(llvm::StringRef text, llvm::StringRef answer, int start) {
  return ("{\"id\": \"q\", \"question\": \"" + text +
          "\", \"answers\": [{\"text\": \"" + answer +
          "\", \"answer_start\": " + llvm::Twine(start) + "}]}")
      .str();
}

std::string problem(std::string text) {
  auto set = readQuestions(DataFile("squad", std::move(text)));
  return set ? "" : message(set.takeError());
}

WindowSet windows(std::string text, uint32_t maxLength, uint32_t stride) {
  DataFile file("squad", std::move(text));
  QuestionSet set = expect(readQuestions(file));
  return expect(makeWindows(file, set, tokenizeInThrees, maxLength, stride));
}

#define EXPECT_HAS(text, part)                                                 \
  EXPECT_NE((text).find(part), std::string::npos) << (text)

} // namespace

TEST(Squad, Reads) {
  // Characters, not bytes: the answer is behind an e with an accent.
  DataFile file("squad", squad("Caf\xc3\xa9 au lait",
                               question("  What?", "lait", 8) +
                                   ",\n{\"id\": \"n\", \"question\": \"Why?\", "
                                   "\"answers\": [], \"is_impossible\": true, "
                                   "\"plausible_answers\": []}"));
  QuestionSet set = expect(readQuestions(file));
  ASSERT_EQ(set.questions.size(), 2u);
  EXPECT_EQ(set.contexts.size(), 1u);
  EXPECT_EQ(set.questions[0].text, "What?");
  EXPECT_EQ(set.questions[0].answers[0].begin, 9u);
  EXPECT_EQ(set.questions[0].answers[0].end, 13u);
  EXPECT_EQ(set.questions[0].line, 3u);
  EXPECT_TRUE(set.questions[1].impossible);
  EXPECT_EQ(set.questions[1].line, 4u);
  EXPECT_TRUE(set.anyImpossible);
}

TEST(Squad, Mistakes) {
  EXPECT_HAS(problem("{"), "squad:1:2: error:");
  EXPECT_HAS(problem("{\"version\": 1}"), "error: missing key 'data'");
  EXPECT_HAS(problem("{\"data\": []}"), "expected questions, got none");
  EXPECT_HAS(problem(squad("", "")), "error: the context is empty");
  EXPECT_HAS(problem(squad("a b", question("?", "b", 1))),
             "squad:3:42: error: the context does not have the answer 'b' at "
             "character 1, but ' '");
  EXPECT_HAS(problem(squad("a b", question("?", "b", 9))),
             "error: the answer starts behind the end of its context: 9");
  EXPECT_HAS(problem(squad("a b", question("?", "", 0))), "answer is empty");
  EXPECT_HAS(problem(squad("a b", question(" ", "b", 2))),
             "error: the question is empty");
  EXPECT_HAS(problem(squad("a b", "{\"id\": \"q\", \"question\": \"?\", "
                                  "\"answers\": []}")),
             "squad:3:1: error: the question has no answer");
  EXPECT_HAS(problem(squad("a b", "{\"id\": 3, \"question\": \"?\"}")),
             "squad:3:8: error: 'data[0].paragraphs[0].qas[0].id': expected a "
             "string, got 3");
}

// [CLS] q [SEP] five of the context [SEP], two of them shared with the next.
TEST(Windows, ShareTokens) {
  WindowSet set =
      windows(squad("a b c d e f g h", question("q", "f g", 10)), 9, 2);
  const ExampleSet &examples = set.examples;
  ASSERT_EQ(examples.size(), 2u);
  EXPECT_EQ(examples.offsets, (std::vector<size_t>{0, 9, 18}));
  EXPECT_EQ(set.begin, (std::vector<uint32_t>{0, 0, 0, 0, 2, 4, 6, 8, 0, //
                                              0, 0, 0, 6, 8, 10, 12, 14, 0}));
  EXPECT_EQ(examples.types, (Ints{0, 0, 0, 1, 1, 1, 1, 1, 1, //
                                  0, 0, 0, 1, 1, 1, 1, 1, 1}));
  EXPECT_EQ(examples.classes, (Ints{0, 0, 5, 6}));
}

TEST(Windows, OfShortContextsAreWhole) {
  WindowSet set = windows(squad("abcdef x", question("q", "x", 7)), 8, 5);
  ASSERT_EQ(set.examples.size(), 1u);
  EXPECT_EQ(set.examples.ids, (Ints{1, 11, 2, 13, 13, 11, 2}));
  EXPECT_EQ(set.examples.classes, (Ints{5, 5}));
}

// An answer in the middle of tokens takes them whole.
TEST(Windows, AnswersGrowToTokens) {
  WindowSet set = windows(squad("abcdef ghi", question("q", "ef g", 4)), 20, 5);
  EXPECT_EQ(set.examples.classes, (Ints{4, 5}));
}

TEST(Windows, NeedRoom) {
  DataFile file("squad", squad("a b c d e f g", question("q r s", "b", 2)));
  QuestionSet set = expect(readQuestions(file));
  auto made = makeWindows(file, set, tokenizeInThrees, 9, 3);
  ASSERT_FALSE(bool(made));
  EXPECT_HAS(message(made.takeError()),
             "the question of 6 tokens leaves room for 3 of the context, "
             "expected more than --doc_stride 3");
}

TEST(Answers, AreTheBestOfAllWindows) {
  DataFile file("squad",
                squad("a b c d e f g h",
                      question("q", "f g", 10) + "," + question("q", "b", 2)));
  QuestionSet questions = expect(readQuestions(file));
  WindowSet set = expect(makeWindows(file, questions, tokenizeInThrees, 9, 2));
  ASSERT_EQ(set.examples.size(), 4u);
  auto evaluator = makeAnswerEvaluator(questions, set, {});
  EXPECT_TRUE(evaluator->perToken);
  // Rows of first and last; what is not set is 0.
  std::vector<float> rows(36 * 2);
  auto first = [&](size_t window, size_t token) -> float & {
    return rows[(window * 9 + token) * 2];
  };
  auto last = [&](size_t window, size_t token) -> float & {
    return rows[(window * 9 + token) * 2 + 1];
  };
  first(0, 4) = 2, last(0, 4) = 2; // "b": loses against the other window
  first(1, 5) = 3, last(1, 6) = 3; // "f g"
  first(1, 0) = 9, last(1, 0) = 9; // no context: never an answer
  last(1, 4) = 5;                  // best with 5, but before it
  first(2, 3) = 1, last(2, 4) = 1; // "a b", half right
  std::vector<uint32_t> order{0, 1, 2, 3};
  evaluator->add(order, rows);
  MetricList metrics = evaluator->metrics();
  ASSERT_EQ(metrics.size(), 3u);
  EXPECT_EQ(metrics[1].first, "exact_match");
  // normalizeAnswer drops "a" as an article.
  EXPECT_DOUBLE_EQ(metrics[1].second, 100);
  EXPECT_DOUBLE_EQ(metrics[2].second, 100);
}

TEST(Answers, NoneWinsWhereItMay) {
  DataFile file("squad",
                squad("b c", question("q", "b", 0) +
                                 ",{\"id\": \"n\", \"question\": \"r\", "
                                 "\"answers\": [], \"is_impossible\": true}"));
  QuestionSet questions = expect(readQuestions(file));
  WindowSet set = expect(makeWindows(file, questions, tokenizeInThrees, 9, 2));
  std::vector<float> rows(12 * 2);
  rows[0] = rows[1] = 1;               // [CLS] of the first question
  rows[3 * 2] = rows[3 * 2 + 1] = 1.5; // "b"
  rows[12] = 5;                        // [CLS] of the second
  std::vector<uint32_t> order{0, 1};
  auto metricsFor = [&](double threshold) {
    AnswerOptions options;
    options.nullScoreDiffThreshold = threshold;
    auto evaluator = makeAnswerEvaluator(questions, set, options);
    evaluator->add(order, rows);
    return evaluator->metrics();
  };
  MetricList metrics = metricsFor(0);
  ASSERT_EQ(metrics.size(), 7u);
  EXPECT_EQ(metrics[1].second, 100);
  EXPECT_EQ(metricsFor(6)[1].second, 50);
  EXPECT_EQ(metricsFor(6)[5].second, 0); // NoAns_exact
}
