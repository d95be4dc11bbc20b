"""Programs that talk to a cluster: Traefik, which looks for services, and one that uses the Rust crate nomad-client-rs."""
import json, os, queue, subprocess, threading, time

from checks import Skip, same

MISSING = "service discovery (GET /v1/services) is not supported yet"


def lines_of(process):
    lines = queue.Queue()
    threading.Thread(target=lambda: [lines.put(line) for line in process.stdout], daemon=True).start()
    return lines


def traefik(cluster, region):
    """Traefik starts, asks for services, and is told that exactly this is missing."""
    program = os.environ.get("TRAEFIK")
    if not program:
        raise Skip("no traefik")
    command = [
        program, "--providers.nomad=true", f"--providers.nomad.endpoint.address={cluster['west']['server']}",
        f"--providers.nomad.endpoint.region={region}", "--providers.nomad.refreshInterval=1s", "--entrypoints.web.address=127.0.0.1:0",
        "--log.level=DEBUG", "--log.format=json", "--global.checknewversion=false", "--global.sendanonymoususage=false",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)
    try:
        lines, started, end = lines_of(process), False, time.time() + 20
        while time.time() < end:
            try:
                line = json.loads(lines.get(timeout=1))
            except queue.Empty:
                if started and process.poll() is None and time.time() > end - 14:
                    raise AssertionError("no error from the Nomad provider: services now work, write a real check")
                continue
            except ValueError:
                continue
            started = started or "Starting provider *nomad.Provider" in line.get("message", "")
            if line.get("level") in ("error", "fatal"):
                same((line.get("providerName"), MISSING in line.get("error", "")), ("nomad", True), str(line))
                same(started, True, "started")
                return "only /v1/services is missing"
        raise AssertionError("Traefik says nothing about Nomad")
    finally:
        process.terminate()
        process.wait(10)


def rust_client(cluster, region):
    program = os.environ.get("RUST_CLIENT")
    if not program:
        raise Skip("not built")
    # the crate sends no region: it is asked where it should act
    run = subprocess.run([program, cluster[region]["server"]], capture_output=True, text=True, timeout=60)
    same((run.returncode, run.stderr), (0, ""))


def run(checks, cluster):
    for region in ("west", "east"):
        checks.run(f"traefik in {region}", traefik, cluster, region)
        checks.run(f"nomad-client-rs in {region}", rust_client, cluster, region)
