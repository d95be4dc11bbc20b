"""Job files as people write them, read by Steppe and by a reader that is not ours, which have to agree.

A file whose first line is `# refused: WORDS` says what Steppe refuses in it, and Steppe has to refuse exactly that. `--declare` writes
those lines anew from what Steppe says; look at the difference before you keep it.
"""
import glob, json, os, re, subprocess, urllib.error, urllib.request

import oracle
from checks import Skip, same

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
REFUSED = re.compile(r"# refused: (.*)\n")
MOST_SKIPPED = 0.15
FEWEST_FILES = 60
# rows of the table that no file has to use, with the reason
NOT_COVERED = {}
# what a file asks for that no reader but Nomad's whole parser knows: only that Steppe reads it is checked
MAPPED_BY_NOBODY = {
    "job-wide-secrets": "tasks, vault and secret of a job are spread over its groups by Nomad's parser",
    "vertical-scaling": "the two labels are targets",
}


def ask(address, path, body):
    """The answer, or the error's text."""
    request = urllib.request.Request(address + path, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="PUT")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return error.read().decode()


def refusals(text):
    """The words that an error's lines call not supported."""
    lines = [line for line in text.splitlines() if "not supported yet" in line]
    return {word for line in lines for word in words_of(line)}


def words_of(line):
    before = line.split("not supported yet")[0]
    place = re.search(r' in (the )?("[^"]*"|config block).*', before)
    said = before[: place.start()] if place else before
    return re.findall(r'"([^"]+)"', said) or re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", said) or [said.strip()]


def parse(address, path):
    """(job, refused words, other errors)"""
    with open(path, encoding="utf-8", newline="") as file:
        job = ask(address, "/v1/jobs/parse", {"JobHCL": file.read(), "Canonicalize": False})
    if isinstance(job, str):
        others = [line for line in job.splitlines() if "not supported yet" not in line and re.search(r":\d+,\d+:", line)]
        return None, refusals(job), others
    judged = ask(address, "/v1/validate/job", {"Job": job})
    text = judged if isinstance(judged, str) else "\n".join(judged.get("ValidationErrors") or [])
    return job, refusals(text), []


def declared(path):
    with open(path, encoding="utf-8") as file:
        found = REFUSED.match(file.readline())
    return set(found[1].split(", ")) if found else set()


def name_of(path):
    return os.path.basename(path).removesuffix(".nomad.hcl")


def check_file(address, path, file, counts):
    if isinstance(file, str):
        raise AssertionError(f"the other reader refuses the file: {file}")
    job, refused, others = parse(address, path)
    same(others, [], "errors")
    wanted = declared(path)
    if wanted - refused:
        raise AssertionError(f"declared as refused and now read: {', '.join(sorted(wanted - refused))}; scripts/clients --declare updates it")
    if refused - wanted:
        raise AssertionError(f"refused and not declared: {', '.join(sorted(refused - wanted))}")
    if job is None:
        return "refuses " + ", ".join(sorted(refused))
    if name_of(path) in MAPPED_BY_NOBODY:
        return MAPPED_BY_NOBODY[name_of(path)]
    reader = oracle.Reader(LANGUAGE, file)
    wrong = oracle.differences(reader.job(file), job)
    counts["read"] += reader.read
    counts["skipped"] += reader.skipped
    same(wrong, [], "differences")
    return f"{reader.read} values, {reader.skipped} left open" if reader.skipped else None


def check_coverage(files):
    seen = {("block", "", "job")}
    for path, file in files.items():
        if "/jobs/" in path and path.startswith(HERE):
            (body,), = file["job"].values()
            oracle.covered(LANGUAGE, "job", body, seen)
    missing = {row for row in LANGUAGE.rows if row not in seen}
    same(sorted(missing), sorted(NOT_COVERED), "rows of jobspec.tsv that no file uses")
    return f"{len(seen)} rows"


def check_differences(files):
    """Every value that another reader gives is compared: one that is changed is noticed."""
    file = files[os.path.join(HERE, "jobs", "restarting.nomad.hcl")]
    changed = json.loads(json.dumps(oracle.Reader(LANGUAGE, file).job(file)))
    changed["TaskGroups"][0]["Tasks"][0]["KillTimeout"] += 1
    changed["TaskGroups"][0]["Made"] = "up"
    same(len(oracle.differences(oracle.Reader(LANGUAGE, file).job(file), changed)), 2)


def check_open(counts):
    share = counts["skipped"] / max(1, counts["read"])
    if share > MOST_SKIPPED:
        raise AssertionError(f"{share:.0%} of the values are left open")
    return f"{counts['skipped']} of {counts['read']} values"


LANGUAGE = oracle.Language()


def paths():
    return sorted(glob.glob(os.path.join(HERE, "jobs", "*.nomad.hcl"))) + sorted(glob.glob(os.path.join(ROOT, "config", "jobs", "*.nomad.hcl")))


def run(checks, cluster):
    address = cluster["west"]["server"]
    answer = subprocess.run(["node", os.path.join(HERE, "hcl2json.mjs"), *paths()], capture_output=True, text=True)
    if answer.returncode != 0:
        raise AssertionError(f"hcl2json.mjs failed: {answer.stderr}")
    files = json.loads(answer.stdout)
    counts = {"read": 0, "skipped": 0}
    checks.run(f"the corpus has at least {FEWEST_FILES} files", lambda: same(len(files) >= FEWEST_FILES, True) or f"{len(files)} files")
    checks.run("the corpus uses every word of the job language", check_coverage, files)
    for path in paths():
        checks.run(f"job file {name_of(path)}", check_file, address, path, files[path], counts)
    checks.run("differences are noticed", check_differences, files)
    checks.run("few values are left open", check_open, counts)


def declare(cluster):
    """Writes the first lines anew."""
    for path in paths():
        if not path.startswith(HERE):
            continue
        _, refused, _ = parse(cluster["west"]["server"], path)
        with open(path, encoding="utf-8", newline="") as file:
            text = REFUSED.sub("", file.read(), count=1) if declared(path) else file.read()
        if refused:
            text = f"# refused: {', '.join(sorted(refused))}\n" + text
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
