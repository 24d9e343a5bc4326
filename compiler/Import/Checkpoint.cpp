//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Finds the weight files and gives their tensors canonical names. An index is
// only a table of contents: what counts is what the shards themselves hold.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/Checkpoint.h"

#include "compiler/Import/BertWeights.h"
#include "compiler/Import/Json.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Path.h"

using namespace bertc;
namespace fs = llvm::sys::fs;

static std::string join(llvm::StringRef directory, llvm::StringRef name) {
  llvm::SmallString<128> path(directory);
  llvm::sys::path::append(path, name);
  return path.str().str();
}

llvm::Error Checkpoint::addFile(llvm::StringRef path) {
  llvm::Expected<std::unique_ptr<SafetensorsFile>> file =
      SafetensorsFile::open(path);
  if (!file)
    return file.takeError();
  files.push_back(std::move(*file));
  return llvm::Error::success();
}

llvm::Error Checkpoint::openShards(llvm::StringRef directory,
                                   llvm::StringRef indexPath) {
  llvm::Expected<std::unique_ptr<JsonDocument>> document =
      JsonDocument::load(indexPath);
  if (!document)
    return document.takeError();
  llvm::Expected<JsonCursor> map = (*document)->cursor().member("weight_map");
  if (!map)
    return map.takeError();
  if (llvm::Error error = map->expectObject())
    return error;
  const llvm::json::Object &entries = *map->get().getAsObject();
  if (entries.empty())
    return map->error("'weight_map' is empty, expected tensors");

  // In order of name, so diagnostics do not depend on a hash.
  std::vector<std::pair<llvm::StringRef, llvm::StringRef>> wanted;
  for (const auto &entry : entries) {
    JsonCursor cursor = *map->find(entry.first, /*nullIsAbsent=*/false);
    llvm::Expected<llvm::StringRef> shard = cursor.asString();
    if (!shard)
      return shard.takeError();
    if (shard->empty() || *shard != llvm::sys::path::filename(*shard) ||
        *shard == "..")
      return cursor.error("expected the name of a file beside the index, got " +
                          quoted(*shard));
    wanted.emplace_back(entry.first, *shard);
  }
  llvm::sort(wanted);

  llvm::StringMap<llvm::StringSet<>> contents;
  for (auto [tensor, shard] : wanted) {
    auto [it, inserted] = contents.try_emplace(shard);
    if (inserted) {
      std::string path = join(directory, shard);
      if (!fs::exists(path))
        return map->find(tensor, false)
            ->error("shard " + quoted(shard) + " does not exist",
                    "fetch all files of the model");
      if (llvm::Error error = addFile(path))
        return error;
      for (const TensorInfo &info : files.back()->getTensors())
        it->second.insert(info.name);
    }
    if (!it->second.contains(tensor))
      return map->find(tensor, false)
          ->error("tensor " + quoted(tensor) + " is not in shard " +
                      quoted(shard),
                  "the index and the shards may be of different models");
  }
  return llvm::Error::success();
}

/// "bert.x.LayerNorm.gamma" -> "x.LayerNorm.weight".
static std::string canonicalName(llvm::StringRef name, llvm::StringRef prefix) {
  name.consume_front(prefix);
  if (name.ends_with("LayerNorm.gamma"))
    return (name.drop_back(5) + "weight").str();
  if (name.ends_with("LayerNorm.beta"))
    return (name.drop_back(4) + "bias").str();
  return name.str();
}

llvm::Error Checkpoint::nameTensors() {
  for (const auto &file : files)
    for (const TensorInfo &tensor : file->getTensors()) {
      llvm::StringRef name = tensor.name;
      if (name.consume_front("bert.") &&
          (name.starts_with("embeddings.") || name.starts_with("encoder.")))
        prefix = "bert.";
    }
  for (const auto &file : files) {
    for (const TensorInfo &tensor : file->getTensors()) {
      auto [it, inserted] =
          tensors.try_emplace(canonicalName(tensor.name, prefix), &tensor);
      if (inserted)
        continue;
      Diagnostic diagnostic(ExitCode::BadModel, file->locate(tensor),
                            "two tensors are " + quoted(it->getKey()) +
                                ", got " + quoted(it->second->name) + " and " +
                                quoted(tensor.name));
      Diagnostic &note = diagnostic.notes.emplace_back(
          ExitCode::BadModel, it->second->file->locate(*it->second),
          "the other one is here");
      note.severity = Severity::Note;
      return makeError(std::move(diagnostic));
    }
  }
  return llvm::Error::success();
}

/// No safetensors: say what is there instead, if it is known.
static llvm::Error noWeights(llvm::StringRef directory) {
  static constexpr std::pair<llvm::StringLiteral, llvm::StringLiteral>
      others[] = {{"pytorch_model.bin", "a PyTorch pickle"},
                  {"pytorch_model.bin.index.json", "sharded PyTorch pickles"},
                  {"tf_model.h5", "TensorFlow weights"},
                  {"flax_model.msgpack", "Flax weights"},
                  {"model.onnx", "an ONNX graph"}};
  for (const auto &[name, what] : others)
    if (fs::exists(join(directory, name)))
      return makeError(
          ExitCode::BadModel, join(directory, name),
          "expected model.safetensors, got " + what,
          "convert it: python -c \"from transformers import AutoModel; "
          "AutoModel.from_pretrained('DIR').save_pretrained('OUT')\"");
  return makeError(ExitCode::BadModel, directory,
                   "no weights, expected model.safetensors or "
                   "model.safetensors.index.json",
                   "to compile without weights, give the path of config.json");
}

llvm::Expected<Checkpoint> Checkpoint::open(llvm::StringRef directory) {
  Checkpoint checkpoint;
  std::string single = join(directory, "model.safetensors");
  std::string index = join(directory, "model.safetensors.index.json");
  if (fs::exists(single)) {
    checkpoint.source = single;
    if (llvm::Error error = checkpoint.addFile(single))
      return std::move(error);
  } else if (fs::exists(index)) {
    checkpoint.source = index;
    if (llvm::Error error = checkpoint.openShards(directory, index))
      return std::move(error);
  } else {
    return noWeights(directory);
  }
  if (llvm::Error error = checkpoint.nameTensors())
    return std::move(error);
  return checkpoint;
}

const TensorInfo *Checkpoint::find(llvm::StringRef name) const {
  return tensors.lookup(name);
}

bool Checkpoint::hasPooler() const {
  return find("pooler.dense.weight") && find("pooler.dense.bias");
}

llvm::Error Checkpoint::missing(llvm::StringRef name,
                                llvm::ArrayRef<int64_t> shape,
                                size_t others) const {
  std::string message = "missing tensor " + quoted(prefix + name.str()) +
                        ", expected shape " + formatShape(shape);
  if (others)
    message += ", and " + std::to_string(others) + " more are missing";
  // The tensor may be there under another prefix.
  std::string help;
  std::vector<llvm::StringRef> names;
  for (const auto &entry : tensors) {
    llvm::StringRef other = entry.second->name;
    names.push_back(other);
    if (other.consume_back(name) && other.ends_with(".") && help.empty())
      help = "the tensors start with " + quoted(other) +
             ", expected 'bert.' or nothing";
  }
  llvm::sort(names);
  if (help.empty())
    help = suggestion(prefix + name.str(), names);
  return makeError(ExitCode::BadModel, source, message, help);
}

llvm::Error Checkpoint::verify(const ModelConfig &config,
                               std::vector<Diagnostic> &notes) const {
  // Half a pooler is a damaged checkpoint; none at all is fine.
  bool pooler = find("pooler.dense.weight") || find("pooler.dense.bias");
  llvm::StringSet<> known;
  const WeightSpec *firstMissing = nullptr;
  std::string missingName;
  size_t missingCount = 0;
  std::vector<WeightSpec> specs = bertWeights(config, pooler);
  for (const WeightSpec &spec : specs) {
    for (int64_t layer = 0, e = spec.layered ? config.numHiddenLayers : 1;
         layer < e; ++layer) {
      std::string name = spec.tensorName(layer);
      known.insert(name);
      const TensorInfo *tensor = find(name);
      if (!tensor) {
        if (!missingCount++) {
          firstMissing = &spec;
          missingName = name;
        }
        continue;
      }
      if (llvm::ArrayRef<int64_t>(tensor->shape) !=
          llvm::ArrayRef<int64_t>(spec.shape))
        return makeError(Diagnostic(
            ExitCode::BadModel, tensor->file->locate(*tensor, "shape"),
            "tensor " + quoted(tensor->name) +
                " has the wrong shape, expected " + formatShape(spec.shape) +
                ", got " + formatShape(tensor->shape),
            "the sizes come from " + config.file));
      if (!tensor->type.isFloat())
        return makeError(Diagnostic(
            ExitCode::BadModel, tensor->file->locate(*tensor, "dtype"),
            "tensor " + quoted(tensor->name) +
                " has an unsupported dtype, expected F32, F16, BF16 or F64, "
                "got " +
                tensor->type.name.str()));
    }
  }
  if (missingCount)
    return missing(missingName, firstMissing->shape, missingCount - 1);

  // A tensor that a layer has and we do not know would silently be left out of
  // the computation; a layer beyond the last is only unused.
  const TensorInfo *unused = nullptr;
  std::vector<llvm::StringRef> names;
  for (const auto &entry : tensors)
    names.push_back(entry.getKey());
  llvm::sort(names);
  for (llvm::StringRef name : names) {
    llvm::StringRef rest = name;
    int64_t layer;
    if (known.contains(name) || !rest.consume_front("encoder.layer.") ||
        rest.consumeInteger(10, layer))
      continue;
    const TensorInfo *tensor = find(name);
    if (layer < config.numHiddenLayers)
      return makeError(Diagnostic(
          ExitCode::BadModel, tensor->file->locate(*tensor),
          "unexpected tensor " + quoted(tensor->name) +
              " in a layer, BERT has no such tensor",
          "the model may need an architecture that is not supported"));
    if (!unused)
      unused = tensor;
  }
  if (unused) {
    Diagnostic &note =
        notes.emplace_back(ExitCode::BadModel, unused->file->locate(*unused),
                           "tensor " + quoted(unused->name) + " is not used, " +
                               config.file + " has num_hidden_layers = " +
                               std::to_string(config.numHiddenLayers));
    note.severity = Severity::Warning;
  }
  return llvm::Error::success();
}

llvm::Expected<const TensorInfo *>
bertc::resolveWeight(const Checkpoint &checkpoint, llvm::StringRef pattern,
                     int64_t layer) {
  std::string name = substituteLayer(pattern, layer);
  if (const TensorInfo *tensor = checkpoint.find(name))
    return tensor;
  return makeError(ExitCode::BadModel,
                   checkpoint.hasWeights()
                       ? checkpoint.getFiles().front()->getPath()
                       : llvm::StringRef(),
                   "missing tensor " + quoted(name));
}
