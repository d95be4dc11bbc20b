"""python-nomad, as its users call it: every class of the library, in both regions, always through one server of the west."""
import queue, threading, time

import nomad
import requests
from nomad.api import exceptions

from checks import Skip, same, wait

REGIONS = ("west", "east")
# themes that are skipped while their endpoints are not there; any other theme has to find its endpoints
NOT_THERE_YET = set()
MISSING = exceptions.URLNotFoundNomadException
BAD = exceptions.BadRequestNomadException
# what is in nobody's reach yet: library call, exception now
NOT_YET = [
    ("acl.get_tokens", ()), ("acl.get_token", ("x",)), ("acl.get_self_token", ()), ("acl.create_token", ({},)), ("acl.delete_token", ("x",)),
    ("acl.update_token", ("x", {})), ("acl.get_policies", ()), ("acl.get_policy", ("x",)), ("acl.create_policy", ("x", {})),
    ("acl.update_policy", ("x", {})), ("acl.delete_policy", ("x",)), ("acl.generate_bootstrap", ()),
    ("variables.get_variables", ()), ("variable.get_variable", ("x",)), ("variable.create_variable", ("x", {})), ("variable.delete_variable", ("x",)),
    ("sentinel.get_policies", ()), ("sentinel.get_policy", ("x",)), ("sentinel.create_policy", ("x", {})), ("sentinel.update_policy", ("x", {})),
    ("sentinel.delete_policy", ("x",)),
]
# endpoints that the library has no call for
NO_ENDPOINT_YET = ["services", "service/web", "volumes", "volume/csi/x", "plugins", "plugin/csi/x", "vars", "var/x", "acl/roles", "acl/auth-methods"]


def job_of(name, command="exec sleep 600", count=1, **more):
    return {"Job": {
        "ID": name, "Name": name, "Type": "service", "Datacenters": ["*"],
        "TaskGroups": [{
            "Name": "main", "Count": count,
            "Tasks": [{"Name": "main", "Driver": "raw_exec", "Config": {"command": "/bin/sh", "args": ["-c", command]},
                       "Resources": {"CPU": 20, "MemoryMB": 16}}],
            "Update": {"MinHealthyTime": 0, "HealthyDeadline": 20 * 10**9, "ProgressDeadline": 30 * 10**9},
        }],
    } | more}


def refused(exception, call, *arguments, says="", **named):
    """The call ends with the library's exception, whose text says so."""
    try:
        answer = call(*arguments, **named)
    except exception as error:
        if says not in str(error):
            raise AssertionError(f"{error} does not say {says!r}")
        return error
    raise AssertionError(f"was not refused: {answer!r:.200}")


class Region:
    """One region, asked through the given server, with a job that runs there."""

    def __init__(self, name, cluster):
        self.name, self.cluster = name, cluster
        self.api = nomad.Nomad(address=cluster["west"]["server"], region=name, timeout=20)
        self.id = f"py-{name}"

    def running(self, job=None, count=1):
        def question():
            allocs = [a for a in self.api.job.get_allocations(job or self.id) if a["ClientStatus"] == "running"]
            return allocs if len(allocs) == count else None
        return wait(f"{count} running allocations of {job or self.id}", question)

    def get(self, path, **params):
        return requests.get(f"{self.cluster['west']['server']}/v1/{path}", params={"region": self.name} | params, timeout=20)

    def healthy(self):
        """The latest deployment once it is over."""
        def question():
            deployment = self.api.job.get_deployment(self.id)
            return deployment if deployment and deployment["Status"] in ("successful", "failed", "cancelled") else None
        return wait("the deployment is over", question, 30)


# --- jobs

def jobs(r):
    answer = r.api.jobs.register_job(job_of(r.id))
    same(set(answer) >= {"EvalID", "JobModifyIndex"}, True, "keys of the answer")
    r.running()
    listed = {j["ID"]: j for j in r.api.jobs.get_jobs(prefix="py-")}
    same((r.id in listed, listed[r.id]["Status"], listed[r.id]["Type"]), (True, "running", "service"))
    same([j["ID"] for j in r.api.jobs.get_jobs(filter_=f'ID == "{r.id}"')], [r.id])
    same(r.api.jobs.get_jobs(prefix="nothing-"), [])
    same((r.id in r.api.jobs, "nothing" in r.api.jobs, r.api.jobs[r.id]["ID"]), (True, False, r.id))
    same(len(r.api.jobs) >= 1 and r.id in [j["ID"] for j in r.api.jobs], True)


def parse(r):
    text = 'job "p" { group "g" { task "t" { driver = "raw_exec" } } }'.replace("{ ", "{\n").replace(" }", "\n}")
    same(r.api.jobs.parse(text)["ID"], "p")
    same(r.api.jobs.parse(text)["Priority"], None, "not canonical")
    same(r.api.jobs.parse(text, canonicalize=True)["Priority"], 50)
    refused(BAD, r.api.jobs.parse, 'job "p" {', says="input.hcl:1")


def one_job(r):
    job = r.api.job.get_job(r.id)
    same((job["ID"], job["Region"], job["Status"], job["Version"]), (r.id, r.name, "running", 0))
    same((r.id in r.api.job, "nothing" in r.api.job, r.api.job[r.id]["ID"]), (True, False, r.id))
    refused(MISSING, r.api.job.get_job, "nothing", says="job not found")
    same([v["Version"] for v in r.api.job.get_versions(r.id)["Versions"]], [0])
    same(r.api.job.get_summary(r.id)["Summary"]["main"]["Running"], 1)
    same({a["JobID"] for a in r.api.job.get_allocations(r.id, all_=True)}, {r.id})
    same({e["JobID"] for e in r.api.job.get_evaluations(r.id)}, {r.id})
    same(r.healthy()["Status"], "successful")
    same([d["Status"] for d in r.api.job.get_deployments(r.id)], ["successful"])


def changed_job(r):
    plan = r.api.job.plan_job(r.id, job_of(r.id, "exec sleep 601"), diff=True)
    same((plan["Diff"]["Type"], plan["Annotations"]["DesiredTGUpdates"]["main"]["DestructiveUpdate"]), ("Edited", 1))
    same(r.api.job.get_job(r.id)["Version"], 0, "a plan changes nothing")
    r.api.job.register_job(r.id, job_of(r.id, "exec sleep 601"))
    wait("version 1 runs", lambda: [a for a in r.running() if a["JobVersion"] == 1])
    r.healthy()
    same(bool(r.api.job.evaluate_job(r.id)["EvalID"]), True)
    r.api.job.stable_job(r.id, 0, True)
    same([v["Stable"] for v in r.api.job.get_versions(r.id)["Versions"] if v["Version"] == 0], [True])
    refused(exceptions.BaseNomadException, r.api.job.revert_job, r.id, 1)
    same(bool(r.api.job.revert_job(r.id, 0)["EvalID"]), True)
    wait("version 2 runs", lambda: [a for a in r.running() if a["JobVersion"] == 2])
    same(r.healthy()["JobVersion"], 2)
    refused(BAD, r.api.job.register_job, "other", job_of(r.id), says="does not match")


def refused_job(r):
    refused(exceptions.BaseNomadException, r.api.job.register_job, "py-none", job_of("py-none", TaskGroups=[]), says="group")
    refused(MISSING, r.api.job.get_job, "py-none")
    same(bool(r.api.validate.validate_job(job_of("py-ok")).json()["ValidationErrors"]), False)
    wrong = r.api.validate.validate_job(job_of("py-no", Priority=1000)).json()
    same("riority" in str(wrong["ValidationErrors"]), True, str(wrong))


# --- nodes

def nodes(r):
    (node,) = r.api.nodes.get_nodes()
    same((node["Name"], node["Status"], node["Datacenter"]), (f"{r.name}-client-1", "ready", f"{r.name}-1"))
    same([n["ID"] for n in r.api.nodes.get_nodes(prefix=node["ID"][:8])], [node["ID"]])
    same([n["ID"] for n in r.api.nodes.get_nodes(filter_=f'Name == "{node["Name"]}"')], [node["ID"]])
    same(r.api.nodes.get_nodes(filter_='Name == "nobody"'), [])
    same("NodeResources" in r.api.nodes.get_nodes(resources=True)[0], True)
    refused(BAD, r.api.nodes.get_nodes, filter_="Name ==")
    same((node["ID"] in r.api.nodes, len(r.api.nodes), [n["ID"] for n in r.api.nodes]), (True, 1, [node["ID"]]))


def one_node(r):
    node = r.api.nodes.get_nodes()[0]["ID"]
    same(r.api.node.get_node(node)["Attributes"]["kernel.name"], "linux")
    same(node in r.api.node and r.api.node[node]["ID"] == node, True)
    refused(MISSING, r.api.node.get_node, "0" * 8 + "-0000-0000-0000-" + "0" * 11 + "1", says="node not found")
    same(r.id in {a["JobID"] for a in r.api.node.get_allocations(node)}, True)
    same("EvalIDs" in r.api.node.evaluate_node(node), True)
    r.api.node.eligible_node(node, ineligible=True)
    same(r.api.node.get_node(node)["SchedulingEligibility"], "ineligible")
    r.api.node.eligible_node(node, eligible=True)
    same(r.api.node.get_node(node)["SchedulingEligibility"], "eligible")


def drain(r):
    node = r.api.nodes.get_nodes()[0]["ID"]
    works(r.api.node.drain_node_with_spec, node, {"Deadline": 10 * 10**9, "IgnoreSystemJobs": True})
    try:
        wait("the drain is over", lambda: not r.api.node.get_node(node)["DrainStrategy"])
        same(r.api.node.get_node(node)["SchedulingEligibility"], "ineligible")
        wait("nothing runs there", lambda: not [a for a in r.api.node.get_allocations(node) if a["ClientStatus"] == "running"])
    finally:
        r.api.node.drain_node_with_spec(node, None, mark_eligible=True)
    same(r.api.node.get_node(node)["SchedulingEligibility"], "eligible")
    # the call of old: without a body
    refused(BAD, r.api.node.drain_node, node, says="empty")
    r.running()


def purge(r):
    refused(MISSING, r.api.node.purge_node, "0" * 8 + "-0000-0000-0000-" + "0" * 11 + "1", says="node not found")


# --- what is placed

def allocations(r):
    (alloc,) = r.running()
    same([a["ID"] for a in r.api.allocations.get_allocations(prefix=alloc["ID"][:8])], [alloc["ID"]])
    same([a["ID"] for a in r.api.allocations.get_allocations(filter_=f'ID == "{alloc["ID"]}"')], [alloc["ID"]])
    same({a["JobID"] for a in r.api.allocations.get_allocations(namespace="*")} >= {r.id}, True)
    same(alloc["ID"] in [a["ID"] for a in r.api.allocations] and len(r.api.allocations) >= 1, True)
    one = r.api.allocation.get_allocation(alloc["ID"])
    same((one["Job"]["ID"], one["TaskStates"]["main"]["State"]), (r.id, "running"))
    same(alloc["ID"] in r.api.allocation and r.api.allocation[alloc["ID"]]["ID"] == alloc["ID"], True)
    refused(MISSING, r.api.allocation.get_allocation, "0" * 8 + "-0000-0000-0000-" + "0" * 11 + "1", says="alloc not found")
    same(bool(r.api.allocation.stop_allocation(alloc["ID"])["EvalID"]), True)
    wait("another takes its place", lambda: [a for a in r.running() if a["ID"] != alloc["ID"]])


def pages(r):
    r.api.job.register_job("py-pages", job_of("py-pages", count=3))
    r.running("py-pages", 3)
    same(len(r.api.allocations.get_allocations(per_page=2, filter_='JobID == "py-pages"')), 2)
    r.api.job.deregister_job("py-pages", purge=True)


def evaluations(r):
    found = r.api.evaluations.get_evaluations()
    ours = next(e for e in found if e["JobID"] == r.id)
    same([e["ID"] for e in r.api.evaluations.get_evaluations(prefix=ours["ID"][:8])], [ours["ID"]])
    same(ours["ID"] in r.api.evaluations and len(r.api.evaluations) >= 1 and r.api.evaluations[ours["ID"]]["ID"], ours["ID"])
    one = r.api.evaluation.get_evaluation(ours["ID"])
    same((one["JobID"], one["Status"]), (r.id, "complete"))
    same(ours["ID"] in r.api.evaluation, True)
    same(isinstance(r.api.evaluation.get_allocations(ours["ID"]), list), True)
    refused(MISSING, r.api.evaluation.get_evaluation, "0" * 8 + "-0000-0000-0000-" + "0" * 11 + "1", says="eval not found")


def deployments(r):
    wanted = r.healthy()
    same(wanted["ID"] in [d["ID"] for d in r.api.deployments.get_deployments()], True)
    same([d["ID"] for d in r.api.deployments.get_deployments(prefix=wanted["ID"][:8])], [wanted["ID"]])
    same(wanted["ID"] in r.api.deployments and len(r.api.deployments) >= 1 and r.api.deployments[wanted["ID"]]["ID"], wanted["ID"])
    same(r.api.deployment.get_deployment(wanted["ID"])["JobID"], r.id)
    same({a["JobID"] for a in r.api.deployment.get_deployment_allocations(wanted["ID"])} <= {r.id}, True)
    for call in (r.api.deployment.fail_deployment, r.api.deployment.promote_deployment_all):
        refused(exceptions.BaseNomadException, call, wanted["ID"])
    refused(MISSING, r.api.deployment.get_deployment, "0" * 8 + "-0000-0000-0000-" + "0" * 11 + "1", says="deployment not found")


def deployment_by_hand(r):
    """Health by hand, canaries, a pause, a promotion of one group, and a failure."""
    name = "py-canary"
    def submit(command):
        body = job_of(name, command)
        body["Job"]["TaskGroups"][0]["Update"] |= {"HealthCheck": "manual", "Canary": 1}
        r.api.job.register_job(name, body)
        return wait("a deployment runs", lambda: (d := r.api.job.get_deployment(name)) and d["Status"] == "running" and d)
    def placed(deployment):
        return wait("it has an allocation", lambda: [a["ID"] for a in r.api.deployment.get_deployment_allocations(deployment) if a["ClientStatus"] == "running"])
    status = lambda id: r.api.deployment.get_deployment(id)["Status"]
    first = submit("exec sleep 600")["ID"]
    r.api.deployment.deployment_allocation_health(first, healthy_allocations=placed(first))
    wait("the first is successful", lambda: status(first) == "successful")
    second = submit("exec sleep 601")["ID"]
    if second == first:
        raise AssertionError("no second deployment")
    canaries = placed(second)
    r.api.deployment.pause_deployment(second, True)
    same(status(second), "paused")
    r.api.deployment.pause_deployment(second, False)
    same(status(second), "running")
    r.api.deployment.deployment_allocation_health(second, healthy_allocations=canaries)
    r.api.deployment.promote_deployment_groups(second, ["main"])
    same(r.api.deployment.get_deployment(second)["TaskGroups"]["main"]["Promoted"], True)
    wait("the second is successful", lambda: status(second) == "successful")
    third = submit("exec sleep 602")["ID"]
    r.api.deployment.fail_deployment(third)
    same(status(third), "failed")
    r.api.job.deregister_job(name, purge=True)


# --- clients

def files(r):
    r.api.job.register_job("py-files", job_of("py-files", "trap '' HUP; printf hello; printf oops >&2; printf 0123456789 > local/digits; exec sleep 600"))
    (alloc,) = r.running("py-files")
    id, api = alloc["ID"], r.api.client
    wait("the task has written", lambda: "digits" in [f["Name"] for f in api.ls.list_files(id, "/main/local")])
    same({"alloc", "main"} <= {f["Name"] for f in api.ls.list_files(id)}, True)
    same(api.stat.stat_file(id, "/main/local/digits")["Size"], 10)
    same(api.cat.read_file(id, "/main/local/digits"), "0123456789")
    same(api.read_at.read_file_offset(id, 3, 4, "/main/local/digits"), "3456")
    refused(exceptions.BaseNomadException, api.cat.read_file, id, "/main/local/nothing")
    refused(exceptions.BaseNomadException, api.cat.read_file, id, "/../../../../etc/passwd")
    same(api.stream_logs.stream(id, "main", "stdout", plain=True), "hello")
    same(api.stream_logs.stream(id, "main", "stderr", plain=True), "oops")
    same("ResourceUsage" in api.allocation.read_allocation_stats(id), True)


def restarts(r):
    (alloc,) = r.running("py-files")
    id, api = alloc["ID"], r.api.client.allocation
    count = lambda: r.api.allocation.get_allocation(id)["TaskStates"]["main"]["Restarts"]
    api.restart_allocation(id)
    wait("it was restarted", lambda: count() == 1)
    r.running("py-files")
    api.signal_allocation(id, "SIGHUP")
    wait("the signal is told", lambda: any(e["Type"] == "Signaling" for e in r.api.allocation.get_allocation(id)["TaskStates"]["main"]["Events"]))
    refused(exceptions.BaseNomadException, api.signal_allocation, id, "SIGNONSENSE")


def collected(r):
    (alloc,) = r.running("py-files")
    r.api.job.deregister_job("py-files")
    wait("it has ended", lambda: r.api.allocation.get_allocation(alloc["ID"])["ClientStatus"] == "complete")
    r.api.client.gc_allocation.garbage_collect(alloc["ID"])
    wait("its folder is gone", lambda: r.get(f"client/fs/ls/{alloc['ID']}").status_code >= 400)
    node = r.api.nodes.get_nodes()[0]["ID"]
    same(r.api.client.stats.read_stats(node_id=node)["Uptime"] > 0, True)
    r.api.client.gc_all_allocations.garbage_collect(node)


# --- the agents

def agent(r):
    same(r.api.agent.get_agent()["config"]["Region"], "west", "the agent asked is the west's")
    same({m["Name"] for m in r.api.agent.get_members()["Members"]} >= {f"{r.name}-server-1.{r.name}"}, True)
    client = nomad.Nomad(address=r.cluster[r.name]["client"], timeout=20)
    same(len(client.agent.get_servers()), 1)
    refused(exceptions.BaseNomadException, r.api.agent.get_servers)
    answer = r.api.agent.join_agent(["127.0.0.1:1"])
    same((answer["num_joined"], bool(answer["error"])), (0, True))
    refused(exceptions.BaseNomadException, r.api.agent.force_leave, "nobody-here.nowhere", says="nobody-here")


def servers_of_a_client(r):
    client = nomad.Nomad(address=r.cluster[r.name]["client"], timeout=20)
    known = client.agent.get_servers()
    works(client.agent.update_servers, known)
    same(client.agent.get_servers(), known)


def regions(r):
    same(sorted(r.api.regions.get_regions()), ["east", "west"])
    same(("east" in r.api.regions, "south" in r.api.regions, len(r.api.regions)), (True, False, 2))
    leader, peers = r.api.status.leader.get_leader(), r.api.status.peers.get_peers()
    same((peers, leader in r.api.status.leader, len(r.api.status.peers)), ([leader], True, 1))
    nowhere = nomad.Nomad(address=r.cluster["west"]["server"], region="south", timeout=20)
    refused(exceptions.BaseNomadException, nowhere.jobs.get_jobs, says="south")


def system(r):
    r.api.system.initiate_garbage_collection()
    r.api.system.reconcile_summaries()
    same(r.api.job.get_summary(r.id)["Summary"]["main"]["Running"], 1)
    (server,) = r.api.operator.get_configuration()["Servers"]
    same((server["Leader"], server["Voter"]), (True, True))
    refused(exceptions.BaseNomadException, r.api.operator.delete_peer, "127.0.0.1:1")
    same(bool(r.api.metrics.get_metrics()["Gauges"]), True)


def search(r):
    same(r.id in r.api.search.search("py-", "jobs")["Matches"]["jobs"], True)
    node = r.api.nodes.get_nodes()[0]["ID"]
    same(r.api.search.search(node[:8], "all")["Matches"]["nodes"], [node])


def fuzzy_search(r):
    found = works(r.api.search.fuzzy_search, "y-" + r.name[:2], "jobs")
    same(r.id in [m["ID"] for m in found["Matches"]["jobs"]], True)


def events(r, region=None):
    stream, stop, found = r.api.event.stream.get_stream(topic={"Job": f"py-event-{r.name}"}, timeout=20)
    stream.daemon = True
    stream.start()
    name, end = f"py-event-{r.name}", time.time() + 15
    # the stream may begin after the first change: changes go on until one is told
    seen = None
    while seen is None and time.time() < end:
        r.api.job.register_job(name, job_of(name, count=0, Meta={"at": str(time.time())}))
        try:
            seen = found.get(timeout=1)
        except queue.Empty:
            pass
    stop.set()
    r.api.job.deregister_job(name, purge=True)
    if seen is None:
        raise AssertionError("no event")
    same({(e["Topic"], e["Key"]) for e in seen["Events"]}, {("Job", name)})


# --- what switches on by itself

def works(call, *arguments, **named):
    """The answer, or a skip when there is no such endpoint yet."""
    try:
        return call(*arguments, **named)
    except exceptions.BaseNomadException as error:
        text = str(error)
        status = getattr(error.nomad_resp, "status_code", 0)
        if status == 501 or "not supported yet" in text or status == 404 and not getattr(error.nomad_resp, "text", "").strip():
            raise Skip("not there yet")
        raise


def namespaces(r):
    works(r.api.namespaces.get_namespaces)
    name = f"py-{r.name}"
    r.api.namespace.create_namespace({"Name": name, "Description": "first"})
    same(r.api.namespace.get_namespace(name)["Description"], "first")
    r.api.namespace.update_namespace(name, {"Name": name, "Description": "second"})
    same([n["Description"] for n in r.api.namespaces.get_namespaces(prefix=name)], ["second"])
    same(name in r.api.namespaces and "default" in r.api.namespaces, True)
    inside = nomad.Nomad(address=r.cluster["west"]["server"], region=r.name, namespace=name, timeout=20)
    inside.job.register_job("py-inside", job_of("py-inside", Namespace=name))
    same([j["ID"] for j in inside.jobs.get_jobs()], ["py-inside"])
    refused(exceptions.BaseNomadException, r.api.namespace.delete_namespace, name)
    inside.job.deregister_job("py-inside", purge=True, namespace=name)
    wait("the namespace can be deleted", lambda: deleted(r, name))
    refused(MISSING, r.api.namespace.get_namespace, name)


def deleted(r, name):
    """Whether the namespace could be deleted; not while something of its job is still ending."""
    try:
        return r.api.namespace.delete_namespace(name).ok
    except exceptions.BaseNomadException:
        return False


def scaling(r):
    works(r.api.scaling.get_scaling_policies)
    body = job_of("py-scaled")
    body["Job"]["TaskGroups"][0]["Scaling"] = {"Enabled": True, "Min": 1, "Max": 4, "Policy": {"cooldown": "1m"}}
    works(r.api.job.register_job, "py-scaled", body)
    (policy,) = r.api.scaling.get_scaling_policies(job="py-scaled")
    same(r.api.scaling.get_scaling_policy(policy["ID"])["Max"], 4)
    r.api.job.deregister_job("py-scaled", purge=True)
    same(r.api.scaling.get_scaling_policies(job="py-scaled"), [])


def dispatch(r):
    body = job_of("py-dispatched", "exit 0", Type="batch", ParameterizedJob={"Payload": "optional", "MetaRequired": ["who"]})
    del body["Job"]["TaskGroups"][0]["Update"]
    works(r.api.job.register_job, "py-dispatched", body)
    answer = works(r.api.job.dispatch_job, "py-dispatched", meta={"who": "me"})
    same(answer["DispatchedJobID"].startswith("py-dispatched/dispatch-"), True)
    refused(exceptions.BaseNomadException, r.api.job.dispatch_job, "py-dispatched", says="who")
    wait("the child ends", lambda: r.api.job.get_job(answer["DispatchedJobID"])["Status"] == "dead")
    r.api.job.deregister_job("py-dispatched", purge=True)


def periodic(r):
    body = job_of("py-periodic", "exit 0", Type="batch", Periodic={"Enabled": True, "Spec": "0 0 1 1 *", "SpecType": "cron"})
    del body["Job"]["TaskGroups"][0]["Update"]
    works(r.api.job.register_job, "py-periodic", body)
    works(r.api.job.periodic_job, "py-periodic")
    wait("a child is there", lambda: [j for j in r.api.jobs.get_jobs(prefix="py-periodic/periodic-")])
    r.api.job.deregister_job("py-periodic", purge=True)


def events_of_all_regions(r):
    """One stream tells of every region."""
    name, found = f"py-everywhere-{r.name}", threading.Event()
    answer = requests.get(f"{r.cluster['west']['server']}/v1/event/stream", params={"region": "*", "topic": f"Job:{name}"}, stream=True, timeout=15)
    if answer.status_code != 200:
        raise Skip(f"not there yet: {answer.status_code} {answer.text.strip()}")
    def read():
        for line in answer.iter_lines():
            if name.encode() in line:
                found.set()
                return
    threading.Thread(target=read, daemon=True).start()
    end = time.time() + 10
    while not found.wait(0.5) and time.time() < end:
        r.api.job.register_job(name, job_of(name, count=0, Meta={"at": str(time.time())}))
    answer.close()
    r.api.job.deregister_job(name, purge=True)
    same(found.is_set(), True, "told")


def node_pools(r):
    """The library has no calls for them."""
    answered(r.get("node/pools"))
    name, url = f"py-{r.name}", f"{r.cluster['west']['server']}/v1/node/pool/py-{r.name}"
    same(requests.put(url, params={"region": r.name}, json={"Name": name, "Description": "d"}).status_code, 200)
    same(r.get(f"node/pool/{name}").json()["Name"], name)
    same({"default", "all", name} <= {p["Name"] for p in r.get("node/pools").json()}, True)
    same(r.get(f"node/pool/{name}/nodes").json(), [])
    same(requests.delete(url, params={"region": r.name}).status_code, 200)
    same(r.get(f"node/pool/{name}").status_code, 404)


def scheduler_configuration(r):
    found = answered(r.get("operator/scheduler/configuration")).json()["SchedulerConfig"]
    same(found["SchedulerAlgorithm"] in ("binpack", "spread"), True)


def answered(answer):
    if answer.status_code in (404, 501):
        raise Skip("not there yet")
    same(answer.status_code, 200, answer.text)
    return answer


def not_yet(r):
    """Calls for what is not there: each is an error, and one that works asks for a real check."""
    for path, arguments in NOT_YET:
        noun, verb = path.split(".")
        expect_missing(path, lambda: getattr(getattr(r.api, noun), verb)(*arguments))
    for path in NO_ENDPOINT_YET:
        answer = r.get(path)
        if answer.status_code not in (404, 501):
            raise AssertionError(f"/v1/{path} now works ({answer.status_code}): write a real check")
    return f"{len(NOT_YET)} calls, {len(NO_ENDPOINT_YET)} paths"


def expect_missing(path, call):
    try:
        answer = call()
    except exceptions.BaseNomadException as error:
        same(getattr(error.nomad_resp, "status_code", 0) in (404, 501), True, f"{path}: {error}")
        return
    raise AssertionError(f"{path} now works: write a real check ({answer!r:.100})")


def stopped(r):
    r.api.job.deregister_job(r.id)
    wait("it is dead", lambda: r.api.job.get_job(r.id)["Status"] == "dead")
    r.api.job.deregister_job(r.id, purge=True)
    refused(MISSING, r.api.job.get_job, r.id, says="job not found")


THEMES = [jobs, parse, one_job, changed_job, refused_job, nodes, one_node, purge, drain, allocations, pages, evaluations, deployments, deployment_by_hand,
          files, restarts, collected, agent, servers_of_a_client, regions, search, fuzzy_search, events, namespaces, scaling, dispatch, periodic, events_of_all_regions, node_pools,
          scheduler_configuration, system, not_yet, stopped]


def run(checks, cluster):
    for name in REGIONS:
        region = Region(name, cluster)
        for theme in THEMES:
            checks.run(f"python-nomad in {name}: {theme.__name__.replace('_', ' ')}", judged, theme, region)


def judged(theme, region):
    """A theme may only be skipped while the table says so."""
    listed = theme.__name__ in NOT_THERE_YET
    try:
        remark = theme(region)
    except Skip as reason:
        if not listed:
            raise AssertionError(f"worked before: {reason}")
        raise
    return "now works: take it out of NOT_THERE_YET" if listed else remark
