//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Directories: what is in them, what is refused, and that nothing half-written
// is ever taken for whole.
//
//===----------------------------------------------------------------------===//
#include "TrainModel.h"

#include <csignal>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace bertc;
using namespace bertc::test;
namespace fs = std::filesystem;

namespace {

std::string readText(const fs::path &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void writeText(const fs::path &path, const std::string &text) {
  std::ofstream(path, std::ios::binary) << text;
}

bertc_code save(Training &training, const std::string &path,
                const std::string &user = "") {
  return trainApi().save_checkpoint(*training, path.c_str(), user.data(),
                                    user.size(), &training.status);
}

bertc_code load(Training &training, const std::string &path) {
  return trainApi().load_checkpoint(*training, path.c_str(), nullptr, 0,
                                    nullptr, &training.status);
}

void expectMessage(const Training &training, const char *part) {
  EXPECT_NE(strstr(training.status.message, part), nullptr)
      << training.status.message;
}

/// Names in a directory, in order.
std::string list(const fs::path &path) {
  std::vector<std::string> names;
  for (const auto &entry : fs::recursive_directory_iterator(path))
    names.push_back(fs::relative(entry.path(), path));
  std::sort(names.begin(), names.end());
  std::string result;
  for (const std::string &name : names)
    result += (result.empty() ? "" : " ") + name;
  return result;
}

const std::string everyFile =
    "config.json model.safetensors optimizer.safetensors text text/vocab.txt "
    "trainer_state.json user_data.bin";

TEST(SaveModel, WritesWhatTransformersReads) {
  ScratchFolder scratch;
  Training training;
  std::string path = scratch / "out";
  ASSERT_EQ(trainApi().save_model(*training, path.c_str(), &training.status),
            BERTC_OK)
      << training.status.message;
  EXPECT_EQ(list(path), "config.json model.safetensors text text/vocab.txt");
  EXPECT_EQ(readText(path + "/text/vocab.txt"), "a\nb\n");
  std::string bytes = readText(path + "/model.safetensors");
  uint64_t size;
  memcpy(&size, bytes.data(), 8);
  EXPECT_EQ(size % 8, 0u);
  std::string header = bytes.substr(8, size);
  EXPECT_EQ(header.substr(0, 122),
            "{\"__metadata__\":{\"format\":\"pt\"},"
            "\"embeddings.word_embeddings.weight\":{\"dtype\":\"F32\","
            "\"shape\":[11,6],\"data_offsets\":[0,264]},");
  EXPECT_NE(header.find("\"encoder.layer.2.dense.bias\":{\"dtype\":\"F32\","
                        "\"shape\":[6],\"data_offsets\":[744,768]}"),
            std::string::npos);
  EXPECT_EQ(bytes.size(), 8 + size + 4 * training.info().parameters);
  std::vector<float> bias(6);
  memcpy(bias.data(), bytes.data() + 8 + size + 744, 24);
  EXPECT_EQ(bias,
            training.read("encoder.layer.2.dense.bias", BERTC_PART_VALUE));
}

// Again, over the old ones, among files of the user.
TEST(SaveModel, LeavesOtherFilesAlone) {
  ScratchFolder scratch;
  Training training;
  std::string path = scratch / "out";
  fs::create_directory(path);
  writeText(path + "/notes.txt", "mine");
  for (int i = 0; i < 2; ++i) {
    training.step(i);
    EXPECT_EQ(trainApi().save_model(*training, (path + "/").c_str(), nullptr),
              BERTC_OK);
    EXPECT_EQ(list(path),
              "config.json model.safetensors notes.txt text text/vocab.txt");
  }
  EXPECT_EQ(readText(path + "/notes.txt"), "mine");
}

TEST(SaveModel, Errors) {
  ScratchFolder scratch;
  Training training;
  auto save = [&](const char *path) {
    return trainApi().save_model(*training, path, &training.status);
  };
  EXPECT_EQ(save(nullptr), BERTC_INVALID_ARGUMENT);
  EXPECT_EQ(save(""), BERTC_INVALID_ARGUMENT);
  EXPECT_EQ(save((scratch / "a/b").c_str()), BERTC_IO);
  expectMessage(training, "cannot make the folder");
  expectMessage(training, "No such file or directory");
  writeText(scratch / "file", "");
  EXPECT_EQ(save((scratch / "file").c_str()), BERTC_IO);
  expectMessage(training, "Not a directory");
  EXPECT_EQ(save(std::string(5000, 'x').c_str()), BERTC_IO);
}

TEST(Checkpoint, ResumesByteForByte) {
  ScratchFolder scratch;
  bertc_trainer_options options = trainOptions();
  options.gradient_accumulation_steps = 2;
  Training whole(options), first(options);
  for (int i = 0; i < 20; ++i)
    whole.step(i);
  for (int i = 0; i < 8; ++i)
    first.step(i);
  std::string path = scratch / "checkpoint-4";
  ASSERT_EQ(save(first, path, "position 8"), BERTC_OK) << first.status.message;
  EXPECT_EQ(list(path), everyFile);
  EXPECT_FALSE(fs::exists(path + ".tmp"));

  options.threads = 3;
  Training second(options);
  second.step(5); // is forgotten
  char user[32];
  size_t size = 0;
  ASSERT_EQ(trainApi().load_checkpoint(*second, (path + "//").c_str(), user,
                                       sizeof(user), &size, &second.status),
            BERTC_OK)
      << second.status.message;
  EXPECT_EQ(std::string(user, size), "position 8");
  EXPECT_EQ(second.everything(), first.everything());
  EXPECT_EQ(second.info().global_step, 4);
  EXPECT_EQ(second.info().batches, 8);
  EXPECT_EQ(second.info().accumulated, 0u);
  for (int i = 8; i < 20; ++i)
    second.step(i);
  EXPECT_EQ(second.everything(), whole.everything());
  // The same state, the same bytes.
  std::string a = scratch / "a", b = scratch / "b";
  ASSERT_EQ(save(second, a), BERTC_OK);
  ASSERT_EQ(save(whole, b), BERTC_OK);
  for (const char *name :
       {"model.safetensors", "optimizer.safetensors", "trainer_state.json"})
    EXPECT_EQ(readText(fs::path(a) / name), readText(fs::path(b) / name));
}

TEST(Checkpoint, UserData) {
  ScratchFolder scratch;
  Training training;
  std::string path = scratch / "c", data(100000, 'u');
  ASSERT_EQ(save(training, path, data), BERTC_OK);
  size_t size = 0;
  char few[4];
  EXPECT_EQ(trainApi().load_checkpoint(*training, path.c_str(), nullptr, 0,
                                       &size, nullptr),
            BERTC_OK);
  EXPECT_EQ(size, data.size());
  size = 0;
  EXPECT_EQ(trainApi().load_checkpoint(*training, path.c_str(), few, 4, &size,
                                       &training.status),
            BERTC_INVALID_ARGUMENT);
  expectMessage(training, "capacity is 4, expected at least the 100000 bytes");
  EXPECT_EQ(size, data.size());
  EXPECT_EQ(trainApi().save_checkpoint(*training, path.c_str(), nullptr, 1,
                                       &training.status),
            BERTC_INVALID_ARGUMENT);
}

TEST(Checkpoint, WaitingGradientsAreNotLost) {
  ScratchFolder scratch;
  bertc_trainer_options options = trainOptions();
  options.gradient_accumulation_steps = 2;
  Training training(options);
  training.step(0);
  EXPECT_EQ(save(training, scratch / "c"), BERTC_INVALID_ARGUMENT);
  expectMessage(training, "the gradients of 1 batches wait for an update");
  EXPECT_EQ(list(scratch.path), "");
}

TEST(Checkpoint, ReplacesOne) {
  ScratchFolder scratch;
  Training training;
  std::string path = scratch / "c";
  ASSERT_EQ(save(training, path), BERTC_OK);
  training.step(0);
  // What a process that was killed left.
  fs::create_directories(path + ".tmp/text");
  writeText(path + ".tmp/model.safetensors", "half");
  fs::create_directory(scratch / "empty");
  for (const std::string &where : {path, scratch / "empty"}) {
    ASSERT_EQ(save(training, where), BERTC_OK) << training.status.message;
    EXPECT_EQ(list(where), everyFile);
    EXPECT_FALSE(fs::exists(where + ".tmp"));
    Training other;
    EXPECT_EQ(load(other, where), BERTC_OK);
    EXPECT_EQ(other.info().global_step, 1);
  }
}

// Nothing of anybody else is removed.
TEST(Checkpoint, OtherDirectoriesAreNotReplaced) {
  ScratchFolder scratch;
  Training training;
  std::string path = scratch / "home";
  fs::create_directory(path);
  writeText(path + "/thesis.tex", "mine");
  EXPECT_EQ(save(training, path), BERTC_INVALID_ARGUMENT);
  expectMessage(training, "has the file thesis.tex, which is not of a "
                          "checkpoint");
  EXPECT_EQ(list(scratch.path), "home home/thesis.tex");
  std::string other = scratch / "c";
  fs::create_directory(other + ".tmp");
  writeText(other + ".tmp/thesis.tex", "mine");
  EXPECT_EQ(save(training, other), BERTC_INVALID_ARGUMENT);
  EXPECT_EQ(readText(other + ".tmp/thesis.tex"), "mine");
  writeText(scratch / "plain", "");
  EXPECT_EQ(save(training, scratch / "plain"), BERTC_IO);
}

// One damage each; the trainer stays as it was.
TEST(Checkpoint, DamageIsFound) {
  ScratchFolder scratch;
  Training training;
  training.step(0);
  std::string good = scratch / "good", bad = scratch / "bad";
  ASSERT_EQ(save(training, good, "data"), BERTC_OK);
  auto before = training.everything();
  struct Case {
    const char *file, *message;
    void (*damage)(std::string &);
  };
  auto flip = [](std::string &text) { text[text.size() / 2] ^= 1; };
  auto cut = [](std::string &text) { text.resize(text.size() - 1); };
  const Case cases[] = {
      {"model.safetensors", "has hash", flip},
      {"model.safetensors", "bytes, expected", cut},
      {"optimizer.safetensors", "has hash", flip},
      {"optimizer.safetensors", "has 0 bytes, expected",
       [](std::string &text) { text.clear(); }},
      {"user_data.bin", "has hash", flip},
      {"config.json", "has hash", flip},
      {"trainer_state.json", "is damaged", flip},
      {"trainer_state.json", "is damaged", cut},
      {"trainer_state.json", "is damaged",
       [](std::string &text) { text.clear(); }},
      {"trainer_state.json", "is damaged",
       [](std::string &text) { text = "{}\n" + text; }},
  };
  for (const Case &c : cases) {
    fs::remove_all(bad);
    fs::copy(good, bad, fs::copy_options::recursive);
    std::string text = readText(fs::path(bad) / c.file);
    c.damage(text);
    writeText(fs::path(bad) / c.file, text);
    Training other;
    other.step(3);
    auto own = other.everything();
    EXPECT_EQ(load(other, bad), BERTC_CORRUPT) << c.file;
    expectMessage(other, c.message);
    expectMessage(other, c.file);
    EXPECT_EQ(other.everything(), own);
    EXPECT_EQ(other.info().global_step, 1);
  }
  for (const char *name :
       {"trainer_state.json", "user_data.bin", "text/vocab.txt"}) {
    fs::remove_all(bad);
    fs::copy(good, bad, fs::copy_options::recursive);
    fs::remove(fs::path(bad) / name);
    EXPECT_EQ(load(training, bad), BERTC_CORRUPT);
    expectMessage(training, "it is not a whole checkpoint");
  }
  EXPECT_EQ(load(training, scratch / "none"), BERTC_IO);
  EXPECT_EQ(load(training, ""), BERTC_INVALID_ARGUMENT);
  EXPECT_EQ(training.everything(), before);
}

// A state that lost its counters is not taken for one that starts at 0.
TEST(Checkpoint, CountersCannotBeLeftOut) {
  ScratchFolder scratch;
  Training training;
  training.step(0);
  std::string path = scratch / "c";
  ASSERT_EQ(save(training, path), BERTC_OK);
  std::string state = path + "/trainer_state.json", text = readText(state);
  size_t at = text.find("  \"batches\": 1,\n");
  ASSERT_NE(at, std::string::npos);
  writeText(state, text.substr(0, at) + text.substr(at + 16));
  EXPECT_EQ(load(training, path), BERTC_CORRUPT);
}

TEST(Checkpoint, OthersAreRefused) {
  ScratchFolder scratch;
  Training training;
  std::string path = scratch / "c";
  ASSERT_EQ(save(training, path), BERTC_OK);
  struct Case {
    void (*change)(bertc_trainer_options &);
    const char *message;
  };
  const Case cases[] = {
      {[](bertc_trainer_options &o) { o.seed = 8; },
       "has \"seed\": 7, but the trainer has \"seed\": 8"},
      {[](bertc_trainer_options &o) { o.learning_rate = 0.25; },
       "has \"learning_rate\": 0.050000000000000003, but the trainer has "
       "\"learning_rate\": 0.25"},
      {[](bertc_trainer_options &o) { o.adam_beta1 = 0.5; }, "adam_beta1"},
      {[](bertc_trainer_options &o) { o.adam_beta2 = 0.5; }, "adam_beta2"},
      {[](bertc_trainer_options &o) { o.adam_epsilon = 0.5; }, "adam_epsilon"},
      {[](bertc_trainer_options &o) { o.weight_decay = 0.5; }, "weight_decay"},
      {[](bertc_trainer_options &o) { o.max_grad_norm = 0.5; },
       "max_grad_norm"},
      {[](bertc_trainer_options &o) { o.lr_scheduler_type = 1; },
       "has \"lr_scheduler_type\": \"linear\", but the trainer has "
       "\"lr_scheduler_type\": \"cosine\""},
      {[](bertc_trainer_options &o) { o.gradient_accumulation_steps = 2; },
       "gradient_accumulation_steps"},
      {[](bertc_trainer_options &o) { o.warmup_steps = 0; }, "warmup_steps"},
      {[](bertc_trainer_options &o) { o.max_steps = 30; }, "max_steps"},
  };
  for (const Case &c : cases) {
    bertc_trainer_options options = trainOptions();
    c.change(options);
    Training other(options);
    EXPECT_EQ(load(other, path), BERTC_INVALID_ARGUMENT);
    expectMessage(other, c.message);
  }
  Training kind(trainOptions(), BERTC_LABEL_NUMBER);
  EXPECT_EQ(load(kind, path), BERTC_INVALID_ARGUMENT);
  expectMessage(kind, "has \"label_kind\": \"class\", but the trainer has "
                      "\"label_kind\": \"number\"");
  Training labels(trainOptions(), BERTC_LABEL_CLASS, 4);
  EXPECT_EQ(load(labels, path), BERTC_INVALID_ARGUMENT);
  expectMessage(labels, "\"num_labels\": 3");

  TrainModel renamed;
  renamed.parameters[5].name = "other.weight";
  Training names(renamed);
  EXPECT_EQ(load(names, path), BERTC_INVALID_ARGUMENT);
  expectMessage(names, "model.safetensors has \"frozen.weight\":{");
  expectMessage(names, "where this model has \"other.weight\":{");
  TrainModel less;
  less.parameters.pop_back();
  Training fewer(less);
  EXPECT_EQ(load(fewer, path), BERTC_INVALID_ARGUMENT);
  expectMessage(fewer, "where this model has no more parameters");
  TrainModel frozen;
  frozen.parameters[2].gradient_offset = BERTC_FROZEN;
  Training trained(frozen);
  EXPECT_EQ(load(trained, path), BERTC_INVALID_ARGUMENT);
  expectMessage(trained, "optimizer.safetensors has "
                         "\"encoder.layer.1.dense.bias.exp_avg\"");
  TrainModel config;
  config.files[0].size -= 1;
  Training files(config);
  EXPECT_EQ(load(files, path), BERTC_INVALID_ARGUMENT);
  expectMessage(files, "config.json is not that of this model");
}

TEST(FindCheckpoint, NewestGoodOne) {
  ScratchFolder scratch;
  Training training;
  char path[512];
  int64_t step = 0;
  auto find = [&] {
    return trainApi().find_checkpoint(scratch.path.c_str(), path, sizeof(path),
                                      &step, &training.status);
  };
  EXPECT_EQ(find(), BERTC_OK);
  EXPECT_STREQ(path, "");
  EXPECT_EQ(step, -1);
  for (const char *name : {"checkpoint-2", "checkpoint-10", "checkpoint-9",
                           "checkpoint-010", "checkpoint-x", "other-99"})
    ASSERT_EQ(save(training, scratch / name), BERTC_OK);
  fs::create_directory(scratch / "checkpoint-50");
  writeText(scratch / "checkpoint-60", "not a directory");
  fs::create_directory(scratch / "checkpoint-99999999999999999999");
  fs::copy(scratch / "checkpoint-9", scratch / "checkpoint-70.tmp");
  EXPECT_EQ(find(), BERTC_OK) << training.status.message;
  EXPECT_EQ(path, scratch / "checkpoint-10");
  EXPECT_EQ(step, 10);
  writeText(scratch / "checkpoint-10/user_data.bin", "more");
  EXPECT_EQ(find(), BERTC_OK);
  EXPECT_EQ(path, scratch / "checkpoint-9");

  EXPECT_EQ(trainApi().find_checkpoint(scratch.path.c_str(), path, 4, &step,
                                       &training.status),
            BERTC_INVALID_ARGUMENT);
  expectMessage(training, "capacity is 4");
  EXPECT_EQ(trainApi().find_checkpoint((scratch / "none").c_str(), path, 512,
                                       &step, &training.status),
            BERTC_IO);
  EXPECT_EQ(
      trainApi().find_checkpoint(nullptr, path, 512, &step, &training.status),
      BERTC_INVALID_ARGUMENT);
}

// Killed at random moments while it saves one checkpoint after another: the
// newest that is found is whole, and none is lost that a call had returned for.
TEST(Checkpoint, SurvivesKill) {
  srand(1);
  for (int round = 0; round < 50; ++round) {
    ScratchFolder scratch;
    int done[2];
    ASSERT_EQ(pipe(done), 0);
    pid_t child = fork();
    if (child == 0) {
      Training training;
      for (char i = 1; i < 100; ++i) {
        training.step(i);
        std::string path =
            scratch / ("checkpoint-" + std::to_string(i % 7 ? i : i - 1));
        if (save(training, path, std::string(3000, i)) != BERTC_OK ||
            write(done[1], &i, 1) != 1)
          _exit(1);
      }
      _exit(0);
    }
    close(done[1]);
    char last = 0;
    // Once it has begun; then up to a few checkpoints later.
    EXPECT_EQ(read(done[0], &last, 1), 1);
    usleep(rand() % 20000);
    kill(child, SIGKILL);
    int state = 0;
    waitpid(child, &state, 0);
    EXPECT_TRUE(WIFSIGNALED(state) || WEXITSTATUS(state) == 0);
    for (char byte; read(done[0], &byte, 1) == 1;)
      last = byte;
    close(done[0]);

    char path[512], user[4000];
    int64_t step = -1;
    size_t size = 0;
    Training training;
    ASSERT_EQ(trainApi().find_checkpoint(scratch.path.c_str(), path, 512, &step,
                                         nullptr),
              BERTC_OK);
    ASSERT_EQ(trainApi().load_checkpoint(*training, path, user, sizeof(user),
                                         &size, &training.status),
              BERTC_OK)
        << training.status.message;
    int64_t found = training.info().global_step;
    EXPECT_TRUE(found == last || found == last + 1)
        << found << " after " << int(last);
    ASSERT_EQ(size, 3000u);
    EXPECT_EQ(user[0], char(found));
    EXPECT_EQ(user[2999], char(found));
    // What was left is in nobody's way.
    EXPECT_EQ(save(training, path), BERTC_OK) << training.status.message;
  }
}

/// Runs `body` in a child whose files may not grow beyond `bytes`.
int inChildWithLimit(rlim_t bytes, int (*body)(const ScratchFolder &),
                     const ScratchFolder &scratch) {
  pid_t child = fork();
  if (child == 0) {
    rlimit limit = {bytes, bytes};
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, SIG_IGN);
    _exit(body(scratch));
  }
  int state = 0;
  waitpid(child, &state, 0);
  return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
}

// A file that cannot grow, as on a full disk: an error, and nothing is left.
TEST(Checkpoint, WritesThatFail) {
  for (rlim_t bytes : {0, 10, 100, 1000}) {
    ScratchFolder scratch;
    int code = inChildWithLimit(
        bytes,
        [](const ScratchFolder &scratch) {
          Training training;
          bertc_code checkpoint = save(training, scratch / "c");
          bool told = strstr(training.status.message, "File too large") &&
                      strstr(training.status.message, "help: make room");
          bertc_code model = trainApi().save_model(
              *training, (scratch / "m").c_str(), nullptr);
          return checkpoint == BERTC_IO && model == BERTC_IO && told ? 7 : 1;
        },
        scratch);
    EXPECT_EQ(code, 7) << bytes;
    EXPECT_FALSE(fs::exists(scratch / "c"));
    EXPECT_FALSE(fs::exists(scratch / "c.tmp"));
    EXPECT_FALSE(fs::exists(scratch / "m/model.safetensors"));
    EXPECT_FALSE(fs::exists(scratch / "m/model.safetensors.tmp"));
  }
}

// A disk that is really full, where one may be mounted.
TEST(Checkpoint, FullDisk) {
  ScratchFolder scratch;
  std::string disk = scratch / "disk";
  fs::create_directory(disk);
  if (mount("none", disk.c_str(), "tmpfs", 0, "size=32k") != 0)
    GTEST_SKIP() << "no right to mount a file system";
  Training training;
  bertc_code first = save(training, disk + "/checkpoint-1"), code = first;
  for (int i = 2; i < 9 && code == BERTC_OK; ++i)
    code = save(training, disk + "/checkpoint-" + std::to_string(i),
                std::string(5000, 'x'));
  EXPECT_EQ(first, BERTC_OK);
  EXPECT_EQ(code, BERTC_IO);
  expectMessage(training, "No space left on device");
  for (const auto &entry : fs::directory_iterator(disk))
    EXPECT_EQ(load(training, entry.path()), BERTC_OK);
  umount(disk.c_str());
}

TEST(Checkpoint, ReadOnlyDirectory) {
  ScratchFolder scratch;
  std::string path = scratch / "out";
  fs::create_directory(path);
  chmod(path.c_str(), 0500);
  // Root may write everywhere: become nobody.
  pid_t child = fork();
  if (child == 0) {
    Training training;
    chmod(scratch.path.c_str(), 0755);
    if (getuid() == 0 && setuid(65534) != 0)
      _exit(9);
    bertc_code code = save(training, path + "/checkpoint-1");
    bool told = strstr(training.status.message, "Permission denied");
    bertc_code model = trainApi().save_model(*training, path.c_str(), nullptr);
    _exit(code == BERTC_IO && model == BERTC_IO && told ? 7 : 1);
  }
  int state = 0;
  waitpid(child, &state, 0);
  EXPECT_EQ(WEXITSTATUS(state), 7);
  chmod(path.c_str(), 0700);
  EXPECT_EQ(list(path), "");
  Training training;
  EXPECT_EQ(save(training, scratch / "missing/checkpoint-1"), BERTC_IO);
  expectMessage(training, "No such file or directory");
}

} // namespace
