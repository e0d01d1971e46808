#!/usr/bin/env python3
"""openpi's own Python client against servers of its protocol, for `./engine bench serve --upstream DIR`.

DIR is a checkout of github.com/Physical-Intelligence/openpi, whose WebsocketClientPolicy runs unchanged. Talks in lines: prints one JSON object
when ready, then answers "connect NAME HOST PORT" and "ask NAME COUNT" (so many observations, one after another), the latter with the times of
all round trips (microseconds) and the processor time that the client itself took for one.
"""

import argparse
import json
import platform
import sys
import time

import openpi_path


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--upstream", required=True)
    given = arguments.parse_args()
    openpi_path.use(given.upstream)
    import msgpack
    import numpy
    import websockets
    from openpi_client import websocket_client_policy

    generator = numpy.random.default_rng(1)
    observation = {
        "observation/image": generator.integers(0, 256, (224, 224, 3), dtype=numpy.uint8),
        "observation/wrist_image": generator.integers(0, 256, (224, 224, 3), dtype=numpy.uint8),
        "observation/state": numpy.linspace(-1, 1, 8, dtype=numpy.float32),
        "prompt": "put the red cube in the bowl",
    }
    expected = numpy.broadcast_to(observation["observation/state"][:7], (50, 7))
    versions = f"Python {platform.python_version()}, websockets {websockets.__version__}, msgpack {'.'.join(map(str, msgpack.version))}, numpy {numpy.__version__}"
    print(json.dumps({"versions": versions}), flush=True)
    clients = {}
    for line in sys.stdin:
        word, name, *rest = line.split()
        if word == "connect":
            clients[name] = websocket_client_policy.WebsocketClientPolicy(rest[0], int(rest[1]))
            print(json.dumps({"metadata": sorted(clients[name].get_server_metadata())}), flush=True)
        elif word == "ask":
            infer, times = clients[name].infer, []
            processor = time.process_time()
            for _ in range(int(rest[0])):
                start = time.perf_counter_ns()
                reply = infer(observation)
                times.append((time.perf_counter_ns() - start) / 1000)
            processor = 1e6 * (time.process_time() - processor) / len(times)
            if not numpy.array_equal(reply["actions"], expected) or reply["actions"].dtype != numpy.float32:
                raise SystemExit(f"{name} did not give the state back")
            print(json.dumps({"microseconds": times, "processor": processor}), flush=True)


if __name__ == "__main__":
    main()
