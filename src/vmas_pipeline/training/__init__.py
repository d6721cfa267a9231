"""Training: shards to a model folder, under DeepSpeed.

Read in this order: config, plan (what a run takes), pretrained, data, objective, optimisation, divergence, checkpoints,
rank_barrier, throughput, run_log, validation, export, monitoring (these at their times), loop (one process of the
training), launcher (starts the processes), stage (what the pipeline calls).
"""
