//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An update is two passes over gradients on all threads: the sums of squares of
// the chunks, and, once their norm is known, AdamW. Moments and weights are
// read and written once.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Step.h"
#include "runtime/core/FloatMode.h"
#include "runtime/core/Structs.h"
#include "runtime/train/AdamW.h"
#include "runtime/train/Batch.h"
#include "runtime/train/DeviceTrainer.h"
#include "runtime/train/Real.h"
#include "runtime/train/Schedule.h"

#include <cstring>

namespace bertc::rt {

namespace {
/// The call is first, so that a pointer to it is one to the whole.
struct TrainRun {
  bertc_train_call call;
  bertc_train_fn train;
};
} // namespace

static void enterTraining(const bertc_call *call, int64_t tid) {
  const TrainRun *run = reinterpret_cast<const TrainRun *>(call);
  run->train(&run->call, tid);
}

static int64_t columns(const bertc_packed_inputs &) { return 0; }
static int64_t columns(const bertc_padded_inputs &inputs) { return inputs.seq; }

static bertc_code read(const bertc_packed_inputs *from,
                       bertc_packed_inputs &inputs, bertc_status *status) {
  return readStruct(from, inputs, "bertc_packed_inputs", status);
}
static bertc_code read(const bertc_padded_inputs *from,
                       bertc_padded_inputs &inputs, bertc_status *status) {
  return readStruct(from, inputs, "bertc_padded_inputs", status);
}

static bertc_code runDevice(bertc_trainer &trainer, const Run &prepared,
                            bool frozen, float &mean, bertc_status *status) {
  if (bertc_code code = copyToDevice(*trainer.device, trainer.memory, status))
    return code;
  DeviceBatch batch = {&prepared,
                       trainer.labels.data,
                       trainer.labels.size,
                       frozen ? trainer.frozen.data : nullptr,
                       trainer.frozen.size * sizeof(float),
                       trainer.options.seed,
                       uint64_t(trainer.batches)};
  return trainOnDevice(*trainer.device, batch, mean, status);
}

template <typename Inputs>
static bertc_code run(bertc_trainer &trainer, const bertc_train_batch &batch,
                      const Inputs *given, double &loss, bertc_status *status) {
  Inputs inputs;
  if (bertc_code code = read(given, inputs, status))
    return code;
  bertc_session &session = *trainer.session;
  const bertc_train_desc &desc = *trainer.desc;
  const bertc_train_variant *variant =
      trainer.device ? nullptr : &desc.variants[session.model->variant];
  // A device has its workspace for itself; what is packed here is copied there.
  bertc_workspace none = {};
  Program program = {enterTraining, variant ? &variant->workspace : &none,
                     desc.outputs, desc.output_count,
                     reinterpret_cast<uint8_t *>(trainer.memory.weights)};
  bertc_output logits = {desc.outputs[0].name, batch.logits, batch.logits_size};
  TrainRun training = {};
  Run prepared;
  bertc_code code =
      prepareRun(session, program, inputs, &logits, batch.logits ? 1 : 0,
                 training.call.call, prepared, status);
  if (!code)
    code = packLabels(trainer, prepared, batch, inputs.dtype, columns(inputs),
                      status);
  if (!code)
    code = packFrozen(trainer, prepared, batch, status);
  if (code)
    return code;
  float mean = 0;
  if (trainer.device) {
    code = runDevice(trainer, prepared, batch.frozen != nullptr, mean, status);
  } else {
    training.train = variant->train;
    training.call.gradients =
        reinterpret_cast<uint8_t *>(trainer.memory.gradients);
    training.call.labels = trainer.labels.data;
    training.call.frozen = batch.frozen ? trainer.frozen.data : nullptr;
    training.call.loss = &mean;
    training.call.seed = trainer.options.seed;
    training.call.step = uint64_t(trainer.batches);
    code = enterRun(prepared, status);
  }
  ++trainer.batches;
  ++trainer.accumulated;
  if (code)
    dropGradients(trainer, nullptr);
  loss = double(mean);
  return code;
}

static bertc_code backward(bertc_trainer &trainer,
                           const bertc_train_batch *given, double &loss,
                           bertc_status *status) {
  if (!given)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "bertc_train_batch is null, expected a pointer to a struct");
  bertc_train_batch batch;
  if (bertc_code code = readStruct(given, batch, "bertc_train_batch", status))
    return code;
  if (!batch.packed == !batch.padded)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "bertc_train_batch.packed and padded are %s, expected one of "
                "them",
                batch.packed ? "both set" : "both null");
  bertc_code code = batch.packed
                        ? run(trainer, batch, batch.packed, loss, status)
                        : run(trainer, batch, batch.padded, loss, status);
  if (code || isFinite(loss))
    return code;
  dropGradients(trainer, nullptr);
  return fail(status, BERTC_NOT_FINITE,
              "the loss of batch %lld (after %lld updates) is %g, expected a "
              "finite number; parameters are unchanged\n"
              "help: lower the learning rate, or clip with max_grad_norm",
              static_cast<long long>(trainer.batches - 1),
              static_cast<long long>(trainer.globalStep), loss);
}

namespace {
struct Pass {
  bertc_trainer &trainer;
  const OptimizerCode &code;
  AdamWStep step;
};
} // namespace

/// Calls Visit::chunk(pass, index) for all chunks, on all threads.
template <typename Visit> static void eachChunk(Pass &pass) {
  pass.trainer.session->pool.run(
      [](void *argument, int64_t tid) {
        Pass &p = *static_cast<Pass *>(argument);
        FloatMode mode;
        uint64_t threads = p.trainer.session->pool.threads();
        uint64_t count = p.trainer.chunks.size;
        uint64_t end = count * (uint64_t(tid) + 1) / threads;
        for (uint64_t i = count * uint64_t(tid) / threads; i < end; ++i)
          Visit::chunk(p, i);
      },
      &pass);
}

namespace {
struct SumOfSquares {
  static void chunk(Pass &pass, uint64_t index) {
    bertc_trainer &t = pass.trainer;
    const bertc_parameter_chunk &c = t.chunks.data[index];
    t.sums.data[index] =
        pass.code.sumOfSquares(t.memory.gradients + c.gradient, c.count);
  }
};

struct Advance {
  static void chunk(Pass &pass, uint64_t index) {
    bertc_trainer &t = pass.trainer;
    const bertc_parameter_chunk &c = t.chunks.data[index];
    pass.code.adamW(pass.step, c.decays, t.memory.weights + c.weight,
                    t.memory.gradients + c.gradient,
                    t.memory.firstMoments + c.gradient,
                    t.memory.secondMoments + c.gradient, c.count);
  }
};
} // namespace

static bertc_code update(bertc_trainer &trainer, bertc_step_result &result,
                         bertc_status *status) {
  if (!trainer.accumulated)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "no gradients wait for an update, expected calls of backward "
                "before");
  FloatMode mode;
  Pass pass = {trainer, optimizerCode(trainer.session->model->cpu.bits), {}};
  if (trainer.device) {
    bertc_code code =
        sumSquaresOnDevice(*trainer.device, trainer.sums.data, status);
    if (code)
      return code;
  } else {
    eachChunk<SumOfSquares>(pass);
  }
  double sum = 0;
  for (size_t i = 0; i < trainer.chunks.size; ++i)
    sum += trainer.sums.data[i];
  double norm = squareRoot(sum) / trainer.accumulated;
  result.grad_norm = norm;
  if (!isFinite(norm)) {
    dropGradients(trainer, nullptr);
    return fail(status, BERTC_NOT_FINITE,
                "the norm of the gradients of update %lld is %g, expected a "
                "finite number; parameters are unchanged\n"
                "help: lower the learning rate",
                static_cast<long long>(trainer.globalStep), norm);
  }
  const bertc_trainer_options &o = trainer.options;
  double clip = o.max_grad_norm > 0 ? o.max_grad_norm / (norm + 1e-6) : 1;
  double rate = learningRate(o, trainer.globalStep);
  pass.step = makeAdamWStep(rate, o.adam_beta1, o.adam_beta2, o.adam_epsilon,
                            o.weight_decay, uint64_t(trainer.globalStep) + 1,
                            trainer.accumulated, clip < 1 ? clip : 1);
  if (trainer.device) {
    if (bertc_code code = updateOnDevice(*trainer.device, pass.step, status))
      return code;
  } else {
    eachChunk<Advance>(pass);
  }
  result.updated = 1;
  result.accumulated = trainer.accumulated;
  result.learning_rate = rate;
  result.global_step = ++trainer.globalStep;
  trainer.accumulated = 0;
  return ok(status);
}

static bertc_code fill(const bertc_step_result &known,
                       bertc_step_result *result, bertc_status *status) {
  return result ? fillStruct(known, result, "bertc_step_result", status)
                : ok(status);
}

/// An error if `result` is not a struct to fill, found before anything is
/// computed.
static bertc_code checkResult(bertc_step_result *result, bertc_status *status) {
  return fill({}, result, status);
}

bertc_code step(bertc_trainer *trainer, const bertc_train_batch *batch,
                bertc_step_result *result, bertc_status *status) {
  TrainerLock lock(trainer, status);
  if (lock.code())
    return lock.code();
  if (bertc_code code = checkResult(result, status))
    return code;
  bertc_step_result known = {};
  bertc_code code = backward(*trainer, batch, known.loss, status);
  known.global_step = trainer->globalStep;
  if (!code &&
      trainer->accumulated >= trainer->options.gradient_accumulation_steps)
    code = update(*trainer, known, status);
  bertc_code filled = fill(known, result, code ? nullptr : status);
  return code ? code : filled;
}

bertc_code backward(bertc_trainer *trainer, const bertc_train_batch *batch,
                    double *loss, bertc_status *status) {
  TrainerLock lock(trainer, status);
  if (lock.code())
    return lock.code();
  double value = 0;
  bertc_code code = backward(*trainer, batch, value, status);
  if (loss)
    *loss = value;
  return code;
}

bertc_code update(bertc_trainer *trainer, bertc_step_result *result,
                  bertc_status *status) {
  TrainerLock lock(trainer, status);
  if (lock.code())
    return lock.code();
  if (bertc_code code = checkResult(result, status))
    return code;
  bertc_step_result known = {};
  known.global_step = trainer->globalStep;
  bertc_code code = update(*trainer, known, status);
  bertc_code filled = fill(known, result, code ? nullptr : status);
  return code ? code : filled;
}

bertc_code zeroGradients(bertc_trainer *trainer, bertc_status *status) {
  TrainerLock lock(trainer, status);
  if (lock.code())
    return lock.code();
  return dropGradients(*trainer, status);
}

template <typename Inputs>
bertc_code evaluate(bertc_trainer *trainer, const Inputs *inputs,
                    const bertc_output *outputs, size_t outputCount,
                    bertc_status *status) {
  TrainerLock lock(trainer, status);
  if (lock.code())
    return lock.code();
  if (!inputs)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "inputs is null, expected a pointer to a struct");
  Inputs given;
  if (bertc_code code = read(inputs, given, status))
    return code;
  if (trainer->device) {
    if (bertc_code code =
            copyToDevice(*trainer->device, trainer->memory, status))
      return code;
    return runSession(*trainer->session, given, outputs, outputCount, status);
  }
  Program program = forwardProgram(*trainer->session->model);
  program.weights = reinterpret_cast<uint8_t *>(trainer->memory.weights);
  return runSession(*trainer->session, given, outputs, outputCount, status,
                    &program);
}

template bertc_code evaluate(bertc_trainer *, const bertc_padded_inputs *,
                             const bertc_output *, size_t, bertc_status *);
template bertc_code evaluate(bertc_trainer *, const bertc_packed_inputs *,
                             const bertc_output *, size_t, bertc_status *);

} // namespace bertc::rt
