// What the backward pass of an encoder with a classifier is made of.
// RUN: bertc-opt %s --enc-generate-backward | FileCheck %s
// RUN: bertc-opt %s --pass-pipeline='builtin.module(enc-generate-backward{freeze=embeddings,layers[0-1]})' | FileCheck %s --check-prefix=PREFIX
// RUN: bertc-opt %s --pass-pipeline='builtin.module(enc-generate-backward{freeze=encoder})' | FileCheck %s --check-prefix=HEAD
// RUN: bertc-opt %s --pass-pipeline='builtin.module(enc-generate-backward{freeze=layers[1]})' | FileCheck %s --check-prefix=MIDDLE
// RUN: bertc-opt %s --pass-pipeline='builtin.module(enc-generate-backward{freeze=weight$})' | FileCheck %s --check-prefix=BIAS
// RUN: bertc-opt %s --pass-pipeline='builtin.module(enc-generate-backward{activation-memory=648})' | FileCheck %s --check-prefix=NORMS
// RUN: bertc-opt %s --pass-pipeline='builtin.module(enc-generate-backward{activation-memory=528})' | FileCheck %s --check-prefix=UP
// RUN: bertc-opt %s --pass-pipeline='builtin.module(enc-generate-backward{activation-memory=312})' | FileCheck %s --check-prefix=PROJECT
// RUN: bertc-opt %s --pass-pipeline='builtin.module(enc-generate-backward{activation-memory=72})' | FileCheck %s --check-prefix=LAYERS

// What is said about memory: bytes a token.
// RUN: bertc-opt %s --enc-generate-backward --remarks-filter=.* -o %t 2>&1 | FileCheck %s --check-prefix=REMARKS
// REMARKS-DAG: saves !enc.tokens<10xf32> of enc.fused_feed_forward, 40 bytes a token in each of 3 layers
// REMARKS-DAG: saves !enc.tokens<3x2x3xf32> of enc.fused_qkv, 72 bytes a token in each of 3 layers
// REMARKS-DAG: saves !enc.tokens<6xf32> of the layer input, 24 bytes a token in each of 3 layers
// REMARKS-DAG: saves 720 bytes a token, computes nothing again
// RUN: bertc-opt %s --pass-pipeline='builtin.module(enc-generate-backward{activation-memory=100})' --remarks-filter=.* -o %t 2>&1 | FileCheck %s --check-prefix=LESS
// LESS: saves 72 bytes a token, computes whole layers again

// Forward with saved values, then each op in reverse. The gradient of the residual
// is added by the kernel of the other one.
// CHECK-LABEL: func.func @forward(
// CHECK-NOT: gradient
// CHECK-LABEL: func.func @train(
// CHECK-SAME: %[[IDS:.*]]: !enc.tokens<i32>, %{{.*}}, %{{.*}}, %[[OFFSETS:.*]]: !enc.offsets, %[[LABELS:.*]]: !enc.sequences<i32>, %[[RANDOM:.*]]: !enc.random) -> (!enc.scalar<f32> {enc.name = "loss"}, !enc.sequences<2xf32> {enc.name = "logits"})
// CHECK: %[[L:.*]]:9 = enc.layers 3 (%[[H:.*]] = %{{.*}}) : !enc.tokens<6xf32>, !enc.stack<3x!enc.tokens<6xf32>>, !enc.stack<3x!enc.tokens<10xf32>>
// CHECK: %[[QKV:.*]] = enc.fused_qkv %[[H]]
// CHECK: %[[M:.*]], %[[LSE:.*]] = enc.fused_attention %[[QKV]], %[[OFFSETS]] scale 5.000000e-01 dropout(%[[RANDOM]], site 1, rate 5.000000e-01) : {{.*}} log_sum_exp !enc.tokens<2xf32>
// CHECK: %[[A:.*]], %[[S1:.*]] = enc.fused_linear_add_norm %[[M]], %[[H]] {{.*}} sum !enc.tokens<6xf32>
// CHECK: %[[N:.*]], %[[S2:.*]], %[[U:.*]] = enc.fused_feed_forward %[[A]] {{.*}} sum !enc.tokens<6xf32> up !enc.tokens<10xf32>
// CHECK: enc.yield %[[N]] saving %[[S2]], %[[U]], %[[A]], %[[S1]], %[[M]], %[[QKV]], %[[LSE]], %[[H]]
// CHECK: %[[C:.*]] = enc.pool cls %[[L]]#0
// CHECK: %[[LOGITS:.*]] = enc.linear %[[C]]
// CHECK: %[[LOSS:.*]] = enc.cross_entropy %[[LOGITS]], %[[LABELS]]
// CHECK: %[[D0:.*]] = enc.cross_entropy_gradient %[[LOGITS]], %[[LABELS]]
// CHECK: enc.linear_weight_gradient %[[D0]], %[[C]] weight(@classifier) bias(@classifier_bias) into [@classifier, @classifier_bias]
// CHECK: %[[D1:.*]] = enc.linear_input_gradient %[[D0]] weight(@classifier)
// CHECK: %[[D2:.*]] = enc.pool_gradient cls %[[D1]], %[[OFFSETS]]
// CHECK: %[[D3:.*]] = enc.layers_backward 3 (%[[DN:.*]] = %[[D2]]) saved(%[[S2:.*]] = %[[L]]#1, %[[U:.*]] = %[[L]]#2, %[[A:.*]] = %[[L]]#3, %[[S1:.*]] = %[[L]]#4, %[[M:.*]] = %[[L]]#5, %[[QKV:.*]] = %[[L]]#6, %[[LSE:.*]] = %[[L]]#7, %[[H:.*]] = %[[L]]#8)
// CHECK: %[[DS2:.*]] = enc.layer_norm_gradient %[[DN]], %[[S2]] gain(@n) bias(@nb) epsilon 1.000000e+00 into [@n, @nb]
// CHECK: %[[DU:.*]], %[[G:.*]] = enc.fused_activation_gradient %[[DS2]], %[[U]] activation(gelu) down(@d)
// CHECK: enc.linear_weight_gradient %[[DS2]], %[[G]] weight(@d) bias(@db) into [@d, @db]
// CHECK: enc.linear_weight_gradient %[[DU]], %[[A]] weight(@u) bias(@ub) into [@u, @ub]
// CHECK: %[[DA:.*]] = enc.linear_input_gradient %[[DU]] plus %[[DS2]] : !enc.tokens<6xf32> weight(@u)
// CHECK: %[[DS1:.*]] = enc.layer_norm_gradient %[[DA]], %[[S1]] gain(@g) bias(@gb) epsilon 1.000000e+00 into [@g, @gb]
// CHECK: %[[DD:.*]] = enc.dropout %[[DS1]], %[[RANDOM]] site 2 rate 5.000000e-01
// CHECK: enc.linear_weight_gradient %[[DD]], %[[M]] weight(@o) bias(@ob) into [@o, @ob]
// CHECK: %[[DM:.*]] = enc.linear_input_gradient %[[DD]] weight(@o)
// CHECK: %[[DQKV:.*]] = enc.attention_gradient %[[DM]], %[[M]], %[[QKV]], %[[LSE]], %[[OFFSETS]] scale 5.000000e-01 dropout(%[[RANDOM]], site 1, rate 5.000000e-01)
// CHECK: enc.fused_qkv_weight_gradient %[[DQKV]], %[[H]] query(@q, @qb) key(@k, @kb) value(@v, @vb) into [@q, @k, @v, @qb, @kb, @vb]
// CHECK: %[[DH:.*]] = enc.fused_qkv_input_gradient %[[DQKV]] plus %[[DS1]] : !enc.tokens<6xf32> query(@q) key(@k) value(@v)
// CHECK: enc.yield %[[DH]]
// CHECK: enc.fused_embed_norm_gradient %[[D3]], %[[IDS]], {{.*}} into [@word, @type, @position, @embeddings_gain, @embeddings_bias]
// CHECK: return %[[LOSS]], %[[LOGITS]]

// Nothing of frozen layers at the bottom is saved, and no gradient goes there.
// PREFIX-LABEL: func.func @train(
// PREFIX: %[[P:.*]] = enc.layers 3 from 0 to 2 (%{{.*}} = %{{.*}}) : !enc.tokens<6xf32> {
// PREFIX-NOT: log_sum_exp
// PREFIX-NOT: saving
// PREFIX: enc.layers 3 from 2 to 3 (%{{.*}} = %[[P]]) : !enc.tokens<6xf32>, !enc.stack<1x
// PREFIX: enc.layers_backward 3 from 2 to 3
// PREFIX: enc.fused_qkv_weight_gradient
// PREFIX-NOT: enc.layers_backward
// PREFIX-NOT: enc.fused_embed_norm_gradient
// PREFIX: return

// Only the classifier learns.
// HEAD-LABEL: func.func @train(
// HEAD-NOT: saving
// HEAD: enc.cross_entropy_gradient
// HEAD-NEXT: enc.linear_weight_gradient
// HEAD-NEXT: return

// A frozen layer in the middle passes the gradient on, and adds to none.
// MIDDLE-LABEL: func.func @train(
// MIDDLE: enc.layers 3 from 0 to 1
// MIDDLE: enc.layers 3 from 1 to 2
// MIDDLE: enc.layers 3 from 2 to 3
// MIDDLE: enc.layers_backward 3 from 2 to 3
// MIDDLE: enc.layers_backward 3 from 1 to 2
// MIDDLE-NOT: into [@
// MIDDLE: enc.yield
// MIDDLE: enc.layers_backward 3 from 0 to 1
// MIDDLE: into [@n, @nb]

// Biases need no inputs of linear layers.
// BIAS-LABEL: func.func @train(
// BIAS: enc.linear_weight_gradient %{{.*}} weight(@classifier) bias(@classifier_bias) into [@classifier_bias] : !enc.sequences<2xf32>
// BIAS: enc.layers_backward
// BIAS: enc.layer_norm_gradient %{{.*}} into [@nb]
// BIAS: %[[DU:.*]] = enc.fused_activation_gradient %{{.*}}, %{{.*}} activation(gelu) down(@d) : !enc.tokens<6xf32>, !enc.tokens<10xf32>{{$}}
// BIAS: enc.linear_weight_gradient %{{.*}} weight(@d) bias(@db) into [@db] : !enc.tokens<6xf32>{{$}}
// BIAS: enc.linear_weight_gradient %[[DU]] weight(@u) bias(@ub) into [@ub] : !enc.tokens<10xf32>{{$}}
// BIAS: enc.fused_qkv_weight_gradient %{{.*}} query(@q, @qb) key(@k, @kb) value(@v, @vb) into [@qb, @kb, @vb] : !enc.tokens<3x2x3xf32>{{$}}
// BIAS: enc.fused_embed_norm_gradient %{{.*}} into [@embeddings_bias]

// The output of the first norm is computed again from its input.
// NORMS-LABEL: func.func @train(
// NORMS: enc.layers_backward 3
// NORMS: %[[A:.*]] = enc.layer_norm %{{.*}} gain(@g) bias(@gb)
// NORMS: enc.linear_weight_gradient %{{.*}}, %[[A]] weight(@u)
// NORMS-NOT: enc.linear %
// NORMS-NOT: enc.fused_qkv %
// NORMS: return

// Then the input of the activation.
// UP-LABEL: func.func @train(
// UP: enc.fused_feed_forward {{.*}} : !enc.tokens<6xf32> sum !enc.tokens<6xf32>{{$}}
// UP: enc.layers_backward 3
// UP: %[[A:.*]] = enc.layer_norm %{{.*}} gain(@g) bias(@gb)
// UP: %[[U:.*]] = enc.linear %[[A]] weight(@u) bias(@ub)
// UP: enc.fused_activation_gradient %{{.*}}, %[[U]]
// UP-NOT: enc.fused_qkv %
// UP: return

// Then queries, keys and values.
// PROJECT-LABEL: func.func @train(
// PROJECT: enc.layers_backward 3
// PROJECT: %[[QKV:.*]] = enc.fused_qkv %
// PROJECT: enc.attention_gradient %{{.*}}, %{{.*}}, %[[QKV]]
// PROJECT-NOT: enc.fused_attention %
// PROJECT: return

// At last the whole layer, which then saves nothing but its input.
// LAYERS-LABEL: func.func @train(
// LAYERS: enc.layers 3 (%[[H:.*]] = %{{.*}}) : !enc.tokens<6xf32>, !enc.stack<3x!enc.tokens<6xf32>> {
// LAYERS-NOT: log_sum_exp
// LAYERS: enc.yield %{{.*}} saving %[[H]] :
// LAYERS: enc.layers_backward 3 (%{{.*}} = %{{.*}}) saved(%[[H:.*]] = %{{.*}}#1)
// LAYERS: %[[QKV:.*]] = enc.fused_qkv %[[H]]
// LAYERS: %[[M:.*]], %{{.*}} = enc.fused_attention %[[QKV]], %{{.*}} dropout(%{{.*}}, site 1, rate 5.000000e-01) : {{.*}} log_sum_exp
// LAYERS: enc.fused_linear_add_norm %[[M]], %[[H]] {{.*}} dropout(%{{.*}}, site 2, rate 5.000000e-01) : {{.*}} sum
// LAYERS: enc.fused_feed_forward {{.*}} sum {{.*}} up
// LAYERS: enc.layer_norm_gradient
// LAYERS: enc.attention_gradient
// LAYERS-NOT: enc.fused_attention %
// LAYERS: return

enc.weight @word = "embeddings.word_embeddings.weight" : tensor<7x6xf32>
enc.weight @type = "embeddings.token_type_embeddings.weight" : tensor<2x6xf32>
enc.weight @position = "embeddings.position_embeddings.weight" : tensor<5x6xf32>
enc.weight @embeddings_gain = "embeddings.LayerNorm.weight" : tensor<6xf32>
enc.weight @embeddings_bias = "embeddings.LayerNorm.bias" : tensor<6xf32>
enc.weight layers 3 @q = "encoder.layer.{layer}.attention.self.query.weight" : tensor<6x6xf32>
enc.weight layers 3 @qb = "encoder.layer.{layer}.attention.self.query.bias" : tensor<6xf32>
enc.weight layers 3 @k = "encoder.layer.{layer}.attention.self.key.weight" : tensor<6x6xf32>
enc.weight layers 3 @kb = "encoder.layer.{layer}.attention.self.key.bias" : tensor<6xf32>
enc.weight layers 3 @v = "encoder.layer.{layer}.attention.self.value.weight" : tensor<6x6xf32>
enc.weight layers 3 @vb = "encoder.layer.{layer}.attention.self.value.bias" : tensor<6xf32>
enc.weight layers 3 @o = "encoder.layer.{layer}.attention.output.dense.weight" : tensor<6x6xf32>
enc.weight layers 3 @ob = "encoder.layer.{layer}.attention.output.dense.bias" : tensor<6xf32>
enc.weight layers 3 @g = "encoder.layer.{layer}.attention.output.LayerNorm.weight" : tensor<6xf32>
enc.weight layers 3 @gb = "encoder.layer.{layer}.attention.output.LayerNorm.bias" : tensor<6xf32>
enc.weight layers 3 @u = "encoder.layer.{layer}.intermediate.dense.weight" : tensor<10x6xf32>
enc.weight layers 3 @ub = "encoder.layer.{layer}.intermediate.dense.bias" : tensor<10xf32>
enc.weight layers 3 @d = "encoder.layer.{layer}.output.dense.weight" : tensor<6x10xf32>
enc.weight layers 3 @db = "encoder.layer.{layer}.output.dense.bias" : tensor<6xf32>
enc.weight layers 3 @n = "encoder.layer.{layer}.output.LayerNorm.weight" : tensor<6xf32>
enc.weight layers 3 @nb = "encoder.layer.{layer}.output.LayerNorm.bias" : tensor<6xf32>
enc.weight @classifier = "classifier.weight" : tensor<2x6xf32>
enc.weight @classifier_bias = "classifier.bias" : tensor<2xf32>

func.func @forward(%ids: !enc.tokens<i32>, %types: !enc.tokens<i32>, %positions: !enc.tokens<i32>, %offsets: !enc.offsets, %labels: !enc.sequences<i32>, %random: !enc.random) -> (!enc.scalar<f32> {enc.name = "loss"}, !enc.sequences<2xf32> {enc.name = "logits"}) {
  %x = enc.fused_embed_norm %ids, %types, %positions word(@word) type(@type) position(@position) gain(@embeddings_gain) bias(@embeddings_bias) epsilon 1.0 : !enc.tokens<i32>, !enc.tokens<i32>, !enc.tokens<i32> -> !enc.tokens<6xf32>
  %last = enc.layers 3 (%h = %x) : !enc.tokens<6xf32> {
    %qkv = enc.fused_qkv %h query(@q, @qb) key(@k, @kb) value(@v, @vb) : !enc.tokens<6xf32> -> !enc.tokens<3x2x3xf32>
    %m = enc.fused_attention %qkv, %offsets scale 0.5 dropout(%random, site 1, rate 0.5) : !enc.tokens<3x2x3xf32> -> !enc.tokens<6xf32>
    %a = enc.fused_linear_add_norm %m, %h weight(@o) bias(@ob) gain(@g) norm_bias(@gb) epsilon 1.0 dropout(%random, site 2, rate 0.5) : !enc.tokens<6xf32>, !enc.tokens<6xf32> -> !enc.tokens<6xf32>
    %next = enc.fused_feed_forward %a activation(gelu) up(@u, @ub) down(@d, @db) gain(@n) norm_bias(@nb) epsilon 1.0 : !enc.tokens<6xf32>
    enc.yield %next : !enc.tokens<6xf32>
  }
  %c = enc.pool cls %last, %offsets : !enc.tokens<6xf32> -> !enc.sequences<6xf32>
  %logits = enc.linear %c weight(@classifier) bias(@classifier_bias) : !enc.sequences<6xf32> -> !enc.sequences<2xf32>
  %loss = enc.cross_entropy %logits, %labels : !enc.sequences<2xf32>, !enc.sequences<i32> -> !enc.scalar<f32>
  return %loss, %logits : !enc.scalar<f32>, !enc.sequences<2xf32>
}
