"""Training: shards to a model folder, under DeepSpeed.

Read in this order: config, plan (what a run takes), pretrained, data, objective, optimisation, divergence, checkpoints,
rank_barrier, throughput, monitoring, loop (one process of the training), launcher (starts the processes), stage (what
the pipeline calls).
"""
