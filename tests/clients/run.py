"""Runs the checks of this folder against a cluster: run.py CLUSTER.json [--declare]"""
import json, sys

import corpus_test
from checks import Checks


def addresses(path):
    """{region: {server, client}}"""
    with open(path) as file:
        agents = json.load(file)["agents"]
    cluster = {}
    for agent in agents:
        cluster.setdefault(agent["region"], {}).setdefault(agent["role"], agent["http"])
    return cluster


def main():
    cluster, checks = addresses(sys.argv[1]), Checks()
    if "--declare" in sys.argv:
        return corpus_test.declare(cluster)
    import programs_test, python_nomad_test
    for module in (programs_test, python_nomad_test, corpus_test):
        checks.run(f"{module.__name__} runs to its end", module.run, checks, cluster)
    print(checks.total())
    sys.exit(1 if checks.failed else 0)


main()
