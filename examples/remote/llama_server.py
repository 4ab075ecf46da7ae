"""llama.cpp's server, in this process, through the wheel `xllamacpp`:

    pip install xllamacpp
    python3 examples/remote/llama_server.py MODEL.gguf --port 8080 --threads 2

It says where it listens and runs until it is interrupted. Any other way to run llama.cpp's server does as well.
"""

import argparse
import threading

import xllamacpp

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("model", help="a GGUF file")
parser.add_argument("--port", type=int, default=8080)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--parallel", type=int, default=1, help="sequences at once; each has --context tokens")
parser.add_argument("--context", type=int, default=4096, help="tokens a sequence")
options = parser.parse_args()

params = xllamacpp.CommonParams()
params.model.path = options.model
params.hostnames = ["127.0.0.1"]
params.port = options.port
params.n_parallel = options.parallel
params.n_ctx = options.context * options.parallel
params.cpuparams.n_threads = options.threads
params.cpuparams_batch.n_threads = options.threads
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
threading.Event().wait()
