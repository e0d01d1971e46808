#!/usr/bin/env python3
"""openpi's own policy server with an echo policy behind it, for `./engine bench serve --upstream DIR`.

DIR is a checkout of github.com/Physical-Intelligence/openpi, whose websocket_policy_server.py and msgpack_numpy.py run unchanged. The policy
gives the state back, 50 times 7 float32, as `engine serve --policy echo` does; with the prompt "slow" it computes for 50 ms first.
"""

import argparse
import time

import openpi_path


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--upstream", required=True)
    arguments.add_argument("--port", required=True, type=int)
    given = arguments.parse_args()
    openpi_path.use(given.upstream)
    import numpy
    from openpi.serving import websocket_policy_server

    class Echo:
        def infer(self, obs):
            start = time.monotonic()
            if obs["prompt"] == "slow":
                while time.monotonic() - start < 0.05:
                    pass
            actions = numpy.broadcast_to(obs["observation/state"][:7], (50, 7)).astype(numpy.float32)
            return {"actions": actions, "policy_timing": {"infer_ms": 1000 * (time.monotonic() - start)}}

    websocket_policy_server.WebsocketPolicyServer(Echo(), host="127.0.0.1", port=given.port, metadata={"name": "echo"}).serve_forever()


if __name__ == "__main__":
    main()
