"""The loop, from pictures to a painted picture: `StyleTransfer`, a `Run` of it, its progress, result and checkpoints.

`scene` brings the pictures of a run to the size of each stage; `iteration` evaluates and steps. It knows no terminal,
and no formula of a loss or an optimizer. It may import `objective` and the packages below.
"""
