"""Training: shards to a model folder, under DeepSpeed.

Read in this order: config, plan (the cost of a run), pretrained, data, objective, optimisation, divergence,
checkpoints, rank_barrier, throughput, run_log, validation, export, monitoring (schedules these), loop (one training
process), launcher (starts the processes), stage (called by the pipeline).
"""
