"""What `hounsfield train --example` prints: a configuration to begin with, every table explained."""

EXAMPLE = """\
# hounsfield train --config train.toml --out RUN
# Keys that are commented out show their defaults. Paths are relative to this file.

[data]
prepared = "prepared"          # folder made by `hounsfield data prepare`
# allow_unclean = false        # train on a data set that was not found clean
# size = 96                    # rows and columns of the input; without: as prepared
# neighbours = 0               # slices on either side that are channels too

[split]                        # by patient, alike in the first label
validation = 0.15              # chooses the epoch and the thresholds
test = 0.15                    # seen by nothing but the figures at the end
# seed = 1
# file = "split.csv"           # columns patient (or series) and part (train, validation, test) instead of shares

[network]
name = "classic"               # classic, compact, slice-sequence, or of keras.applications (ResNet50, ...)
# encoder = "compact"          # slice-sequence: what looks at a slice
# activation = "sigmoid"       # softmax: at most one label holds
# dropout = 0.5
# momentum = 0.9               # of batch normalisation
# mask_head = true             # compact: learn lesion maps too, where the data set has them
# weights = "before.keras"     # start from a network of the same kind

# [sequence]                   # second stage of slice-sequence
# cell = "gru"                 # or lstm
# units = 24
# dropout = 0.2
# epochs = 20
# batch = 8                    # series of a step
# rate = 0.002
# step_mm = [2.5, 7.5]         # distances of slices that it learns; without: those of the training part
# series_weight = 1.0          # of the loss of series against that of slices

[optimiser]
name = "adamw"                 # adam, adamw, adagrad, adadelta, adamax, lion, nadam, rmsprop, sgd
rate = 0.001
weight_decay = 0.01
# momentum = 0.9               # of sgd and rmsprop

[schedule]
name = "cosine"                # constant, cosine, step, exponential
warm_up = 1                    # epochs
# every = 10                   # step and exponential: epochs until the rate was multiplied by factor
# factor = 0.5
# end = 0.01                   # cosine: share of the rate that is left

[training]
seed = 1
epochs = 20
batch = 32
# steps = 1000                 # of an epoch; without: each slice once
# class_weights = "auto"       # none, or a table: { any = 4.0 }
# patience = 5                 # epochs without a better validation; 0: never stop early
# monitor = "loss"             # or auc
# mask_weight = 1.0            # of the loss of lesion maps
# lesion_weight = 4.0          # of a lesion cell in it
# precision = "float32"        # mixed_float16 (GPU), mixed_bfloat16
# xla = false                  # faster on many GPUs; then not the same to the bit
# device = "auto"              # cpu, gpu
# devices = 1                  # GPUs that share a batch; 0: all
# threads = 2                  # that read and augment
# checkpoint_seconds = 300
# tensorboard = false          # tensorboard --logdir RUN/logs

[augmentation]                 # there is no vertical flip
flip = 0.5                     # chance to swap left and right
rotate_degrees = 8
shift = 0.05                   # share of the side
scale = 0.08
gain = 0.1                     # of grey values, times 0.9 to 1.1
offset = 0.02
noise = 0.01

[bundle]
name = "my-ich"
version = "0.1.0"
title = "Intracranial haemorrhage on head CT"
intended_use = "Research: order of reading of non-contrast head CT of adults."
limits = "Not validated at any site."
# clinical = false
# banner = "research model, not for clinical use"
# training_data = "..."        # without: what the prepared data set says
# aggregation = "top-3-mean"   # from slices to series: max, mean, top-K-mean
# sensitivity = 0.95           # on the validation part: fixes the thresholds
# calibrate = true             # Platt scaling on the validation part
# license = "LICENSE"

[bundle.scope]                 # which series it is for: docs/bring-a-model.md
body_part = "(?i)^(head|brain|skull)"
description = "(?i)head|brain|skull"
exclude_description = "(?i)angio|cta|perfusion|bone|sinus|orbit|neck"
thickness_mm = [0.5, 6.0]
slices = [8, 600]

[[bundle.labels]]              # the first one decides
name = "any"                   # as in the data set
report_as = "haemorrhage"
short = "ICH"
concept = { value = "1386000", scheme = "SCT", meaning = "Intracranial hemorrhage" }
site = { value = "12738006", scheme = "SCT", meaning = "Brain" }
"""
