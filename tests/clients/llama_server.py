"""llama.cpp's server in this process: `llama_server.py MODEL.gguf` prints its address, and serves until it is killed."""

import signal
import sys

import xllamacpp

parameters = xllamacpp.CommonParams()
parameters.model.path = sys.argv[1]
parameters.model_alias = {"tiny"}
parameters.hostnames = ["127.0.0.1"]
parameters.port = 0
parameters.n_ctx = 4096
parameters.n_predict = 256
parameters.n_parallel = 2
parameters.warmup = False
parameters.use_jinja = True
parameters.cpuparams.n_threads = 1
server = xllamacpp.Server(parameters)
print("address", server.listening_address, flush=True)
signal.pause()
