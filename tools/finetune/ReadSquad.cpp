//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// {"data": [{"paragraphs": [{"context": "...", "qas": [{"id": "...",
//   "question": "...", "answers": [{"text": "...", "answer_start": 0}],
//   "is_impossible": false}]}]}]}
//
// answer_start counts characters (code points) of the context.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/Json.h"
#include "tools/finetune/Questions.h"

using namespace bertc;
using namespace bertc::finetune;

/// The byte at which character `index` begins; npos beyond the end.
static size_t byteOfCharacter(llvm::StringRef text, uint64_t index) {
  for (size_t i = 0; i < text.size(); ++i)
    if ((text[i] & 0xc0) != 0x80 && index-- == 0)
      return i;
  return index == 0 ? text.size() : llvm::StringRef::npos;
}

static llvm::Expected<std::string> stringMember(const JsonCursor &object,
                                                llvm::StringRef key) {
  llvm::Expected<JsonCursor> member = object.member(key);
  if (!member)
    return member.takeError();
  llvm::Expected<llvm::StringRef> text = member->asString();
  if (!text)
    return text.takeError();
  return text->str();
}

static llvm::Expected<std::vector<JsonCursor>>
arrayMember(const JsonCursor &object, llvm::StringRef key) {
  llvm::Expected<JsonCursor> member = object.member(key);
  if (!member)
    return member.takeError();
  return member->asArray();
}

static llvm::Expected<Answer> readAnswer(const JsonCursor &object,
                                         llvm::StringRef context) {
  auto text = stringMember(object, "text");
  if (!text)
    return text.takeError();
  llvm::Expected<JsonCursor> member = object.member("answer_start");
  if (!member)
    return member.takeError();
  auto start = member->asInteger(0, std::numeric_limits<uint32_t>::max());
  if (!start)
    return start.takeError();
  size_t begin = byteOfCharacter(context, *start);
  if (begin == llvm::StringRef::npos)
    return member->error("the answer starts behind the end of its context: " +
                             llvm::Twine(*start),
                         "answer_start counts characters from 0");
  if (text->empty())
    return object.error("the answer is empty",
                        "a question without an answer has \"is_impossible\": "
                        "true and no answers");
  if (!context.substr(begin).starts_with(*text))
    return object.error("the context does not have the answer " +
                            quoted(*text) + " at character " +
                            llvm::Twine(*start) + ", but " +
                            quoted(context.substr(begin, text->size())),
                        "answer_start counts characters, not bytes or words");
  uint32_t end = uint32_t(begin + text->size());
  return Answer{std::move(*text), uint32_t(begin), end};
}

namespace {
/// Byte offsets of a document, in any order that mostly rises, to lines.
class LineCounter {
public:
  explicit LineCounter(llvm::StringRef text) : text(text) {}
  unsigned at(size_t offset) {
    if (offset < seen) {
      seen = 0;
      line = 1;
    }
    line += text.slice(seen, offset).count('\n');
    seen = offset;
    return line;
  }

private:
  llvm::StringRef text;
  size_t seen = 0;
  unsigned line = 1;
};
} // namespace

static llvm::Error readQuestion(const JsonCursor &object, QuestionSet &set) {
  Question question;
  auto id = stringMember(object, "id");
  if (!id)
    return id.takeError();
  auto text = stringMember(object, "question");
  if (!text)
    return text.takeError();
  question.id = std::move(*id);
  // The questions of SQuAD have blanks in front that would take room.
  question.text = llvm::StringRef(*text).ltrim().str();
  if (question.text.empty())
    return object.error("the question is empty");
  question.context = uint32_t(set.contexts.size() - 1);
  if (auto impossible = object.find("is_impossible")) {
    auto flag = impossible->asBool();
    if (!flag)
      return flag.takeError();
    question.impossible = *flag;
  }
  auto answers = arrayMember(object, "answers");
  if (!answers)
    return answers.takeError();
  if (question.impossible && !answers->empty())
    return answers->front().error("a question that is impossible has an answer",
                                  "answers that only look right belong to "
                                  "\"plausible_answers\"");
  if (!question.impossible && answers->empty())
    return object.error("the question has no answer",
                        "a question without an answer has \"is_impossible\": "
                        "true");
  for (const JsonCursor &item : *answers) {
    auto answer = readAnswer(item, set.contexts.back());
    if (!answer)
      return answer.takeError();
    question.answers.push_back(std::move(*answer));
  }
  set.anyImpossible |= question.impossible;
  set.questions.push_back(std::move(question));
  return llvm::Error::success();
}

static llvm::Error readParagraph(const JsonCursor &paragraph,
                                 QuestionSet &set) {
  auto context = stringMember(paragraph, "context");
  if (!context)
    return context.takeError();
  if (llvm::StringRef(*context).trim().empty())
    return paragraph.error("the context is empty");
  set.contexts.push_back(std::move(*context));
  auto questions = arrayMember(paragraph, "qas");
  if (!questions)
    return questions.takeError();
  for (const JsonCursor &question : *questions)
    if (llvm::Error error = readQuestion(question, set))
      return error;
  return llvm::Error::success();
}

/// Lines of all questions: their objects come in the order of the file, so one
/// walk finds them. JsonCursor::offset would walk from the start for each.
static void findLines(llvm::StringRef text, QuestionSet &set) {
  LineCounter lines(text);
  size_t at = 0;
  for (Question &question : set.questions) {
    // The key "id" is where the id is, unless the text quotes one; a line that
    // is a little off is all that could come of it.
    std::string key = "\"" + question.id + "\"";
    size_t found = text.find(key, at);
    if (found == llvm::StringRef::npos)
      found = at;
    at = question.offset = found;
    question.line = lines.at(found);
  }
}

llvm::Expected<QuestionSet> finetune::readQuestions(const DataFile &file) {
  auto document = JsonDocument::parse(file.getName(), file.getText().str());
  if (!document)
    return asBadInput(document.takeError());
  QuestionSet set;
  auto articles = arrayMember((*document)->cursor(), "data");
  if (!articles)
    return asBadInput(articles.takeError());
  for (const JsonCursor &article : *articles) {
    auto paragraphs = arrayMember(article, "paragraphs");
    if (!paragraphs)
      return asBadInput(paragraphs.takeError());
    for (const JsonCursor &paragraph : *paragraphs)
      if (llvm::Error error = readParagraph(paragraph, set))
        return asBadInput(std::move(error));
  }
  if (set.questions.empty())
    return makeError(ExitCode::BadInput, file.getName(),
                     "expected questions, got none");
  findLines(file.getText(), set);
  return set;
}
