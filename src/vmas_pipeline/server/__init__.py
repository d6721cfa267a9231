"""The server behind `vmas serve`: a page and an API in one process without torch, workers beside it, a queue between.

    client -> app (uploads, status, page) -> queue.sqlite and jobs/<id>/ -> worker (loads models, makes music)

The queue is one SQLite file and the results are plain files, so a restart loses nothing, and several servers may share
one folder. A worker owns a job as long as its heartbeat finds it: cancelling, deleting and running out of time all take
the job away from under it.
"""
