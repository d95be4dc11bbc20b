"""What a job file says, by a reader that is not ours: HashiCorp's HCL syntax, mapped to the API's JSON by the table of the job language.

Nothing here asks Steppe. Where a value is an expression that takes more than a variable's default or a local literal, the field is
left open (SKIP) and counted.
"""
import collections, os, re

HERE = os.path.dirname(os.path.abspath(__file__))
UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
# sources that tasks know only where they run
RUNTIME = re.compile(r"(NOMAD_|attr\.|node\.|meta\.|env\.|device\.)")
# servers write it so, clients read both
SPELLED = {"URL": "Url"}
SHORTHANDS = {
    "constraint": ("version", "semver", "regexp", "set_contains"),
    "affinity": ("version", "semver", "regexp", "set_contains", "set_contains_all", "set_contains_any"),
}


class Skip:
    def __repr__(self):
        return "(expression)"


SKIP = Skip()


class Language:
    """The rows of jobspec.tsv by the path of their block."""

    def __init__(self):
        self.attrs, self.blocks, self.labels, self.rows = (collections.defaultdict(dict) for _ in range(4))
        with open(os.path.join(HERE, "jobspec.tsv"), encoding="utf-8") as file:
            for line in list(file)[1:]:
                kind, path, word, hcl_type, json_field = line.rstrip("\n").split("\t")
                for name in [w.strip() for w in word.split(" | ")] if kind == "attr" else [word.split()[0]]:
                    self.rows[(kind, path, name)] = word
                    field = re.split(r"[. ]", json_field)[1].removesuffix("[]") if "." in json_field else ""
                    field = SPELLED.get(field, field)
                    if kind == "attr":
                        self.attrs[path][name] = (hcl_type, field)
                    elif kind == "label":
                        self.labels[path] = field
                    else:
                        self.blocks[path].setdefault(name, (hcl_type, field))

    def attr(self, path, word):
        return self.attrs[path].get(word) or self.attrs["*." + path.rsplit(".", 1)[-1]].get(word)


class Reader:
    def __init__(self, language, file):
        self.language, self.read, self.skipped = language, 0, 0
        variables = {name: body[0].get("default") for name, body in (file.get("variable") or {}).items()}
        self.known = {f"var.{name}": value for name, value in variables.items()}
        for block in file.get("locals") or []:
            for name, value in block.items():
                self.known[f"local.{name}"] = value
        self.known = {name: self.evaluate(value) for name, value in self.known.items()}

    def job(self, file):
        (label, bodies), = file["job"].items()
        body = dict(bodies[0])
        for word in ("task", "vault", "secret"):
            assert word not in body, f"{word} in job is read by nobody here"
        return {"ID": label, "Name": label} | self.block("job", body)

    def block(self, path, body):
        out = {}
        for word, value in body.items():
            if word == "dynamic":
                for kind in value:
                    self.skipped += 1
                    out[self.language.blocks[path][kind][1]] = SKIP
                    if kind == "port":
                        out["ReservedPorts"] = SKIP
            elif word in self.language.blocks[path]:
                self.child(path, word, value, out)
            else:
                row = self.language.attr(path, word)
                assert row, f"{path} has no {word} in the table"
                self.read += 1
                value = self.convert(row[0], self.evaluate(value))
                if value is SKIP:
                    self.skipped += 1
                self.attribute(path, word, row[1], value, out)
        return out

    def child(self, path, word, value, out):
        hcl_type, field = self.language.blocks[path][word]
        below = f"{path}.{word}"
        if "arbitrary keys" in hcl_type:
            self.read += 1
            value = self.evaluate(value[0] if isinstance(value, list) else value)
            if value is SKIP:
                self.skipped += 1
            elif "map(string)" in hcl_type:
                value = {k: self.convert("string", v) for k, v in value.items()}
            else:
                value = {k: labelled(v) for k, v in value.items()}
            out[field] = value
        elif "repeatable" not in hcl_type:
            out[field] = self.block(below, value[0])
        elif below in self.language.labels:
            label = self.language.labels[below]
            # a block of blocks without a label cannot be told from one with: a list comes without
            items = [{label: name} | self.block(below, body) for name, bodies in value.items() for body in bodies]
            if word == "port":
                for port in items:
                    out.setdefault("ReservedPorts" if port.get("Value") else "DynamicPorts", []).append(port)
            elif word == "volume":
                out[field] = {item[label]: item for item in items}
            else:
                out[field] = items
        else:
            out[field] = [self.block(below, body) for body in value]

    def attribute(self, path, word, field, value, out):
        kind = path.rsplit(".", 1)[-1]
        if word in SHORTHANDS.get(kind, ()):
            out |= {"Operand": word, "RTarget": value}
        elif kind == "constraint" and word == "distinct_property":
            out |= {"Operand": word, "LTarget": value}
        elif kind == "constraint" and word == "distinct_hosts":
            out |= {"Operand": word, "RTarget": value if value is SKIP else str(value).lower()}
        elif kind == "logs" and word == "enabled":
            out["Disabled"] = SKIP if value is SKIP else not value
        else:
            out[field] = value

    def evaluate(self, value):
        """The value with variables and locals put in; SKIP when that does not take the expressions away."""
        if isinstance(value, list):
            items = [self.evaluate(item) for item in value]
            return SKIP if any(item is SKIP for item in items) else items
        if isinstance(value, dict):
            items = {key: self.evaluate(item) for key, item in value.items()}
            return SKIP if any(item is SKIP for item in items.values()) or any("${" in key for key in items) else items
        if not isinstance(value, str) or not re.search(r"[$%]\{", value):
            return value
        whole = re.fullmatch(r"\$\{((?:var|local)\.\w+)\}", value)
        if whole:
            return self.known.get(whole[1], SKIP)
        out, rest = "", value
        while rest:
            before, mark, after = re.match(r"(?s)(.*?)(\$\$\{|%%\{|\$\{|%\{|\Z)(.*)", rest).groups()
            out += before
            if mark in ("$${", "%%{"):
                out, rest = out + mark[1:], after
                continue
            if not mark:
                break
            inner, closed, rest = after.partition("}")
            known = self.known.get(inner, SKIP)
            if mark == "%{" or not closed:
                return SKIP
            if RUNTIME.match(inner):
                out += "${" + inner + "}"
            elif isinstance(known, bool) or not isinstance(known, (str, int)):
                return SKIP
            else:
                out += str(known)
        return out

    def convert(self, hcl_type, value):
        if value is SKIP:
            return SKIP
        if hcl_type.startswith("duration") and isinstance(value, str):
            return nanoseconds(value)
        if hcl_type == "list(string)":
            return [self.convert("string", item) for item in value]
        if hcl_type == "string" and not isinstance(value, str):
            return str(value).lower() if isinstance(value, bool) else format(value, "g") if isinstance(value, float) else str(value)
        if hcl_type == "number" and isinstance(value, str):
            return float(value) if "." in value else int(value)
        if hcl_type == "bool" and isinstance(value, str):
            return {"true": True, "false": False}[value]
        return value


def labelled(value):
    """Blocks with labels inside of free blocks are lists of maps in the API, each label a level."""
    if isinstance(value, list):
        return [labelled(item) for item in value]
    if not isinstance(value, dict):
        return value
    blocks = value and all(isinstance(v, list) and v and all(isinstance(i, dict) for i in v) for v in value.values())
    value = {k: [{n: labelled(i) for n, i in body.items()} for body in v] if blocks else labelled(v) for k, v in value.items()}
    return [value] if blocks else value


def nanoseconds(text):
    parts = re.findall(r"([0-9]*\.?[0-9]+)(ns|us|µs|ms|s|m|h)", text)
    assert "".join(number + unit for number, unit in parts) == text.lstrip("+-") or text == "0", f"{text!r} is no duration"
    total = sum(round(float(number) * UNITS[unit]) for number, unit in parts)
    return -total if text.startswith("-") else total


def says_nothing(value):
    return value is None or value == 0 or value == "" or value is False or (isinstance(value, (list, dict)) and not value)


def differences(wanted, found, at=""):
    """Where two readings of a job differ, as lines."""
    if wanted is SKIP or wanted == found:
        return []
    if isinstance(wanted, dict) and isinstance(found, dict):
        return [line for key in sorted({*wanted, *found}) for line in differences(wanted.get(key), found.get(key), f"{at}.{key}".lstrip("."))]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        wanted, found = (sorted(items, key=by_name) if all(isinstance(i, dict) for i in items) else items for items in (wanted, found))
        return [line for n, pair in enumerate(zip(wanted, found)) for line in differences(*pair, f"{at}[{n}]")]
    if isinstance(wanted, dict) and found is None:
        return differences(wanted, {}, at)
    if isinstance(found, dict) and wanted is None:
        return differences({}, found, at)
    if says_nothing(wanted) and says_nothing(found):
        return []
    return [f"{at}: the file says {wanted!r}, Steppe {found!r}"]


def by_name(item):
    """Blocks with labels lose their order in the other reader; those without keep it."""
    return str(item.get("Name") or item.get("Label") or item.get("Value") or "") if not item.get("Operand") else ""


def covered(language, path, body, seen):
    """Adds to `seen` the rows of the language that a body uses."""
    for word, value in body.items():
        if word == "dynamic":
            for kind, inner in value.items():
                for body in inner if isinstance(inner, list) else [inner]:
                    content = body.get("content") or [{}]
                    covered(language, path, {kind: content if not body.get("labels") else {"*": content}}, seen)
        elif word in language.blocks[path]:
            seen.add(("block", path, word))
            below = f"{path}.{word}"
            if "arbitrary keys" in language.blocks[path][word][0]:
                continue
            if isinstance(value, dict):
                seen |= {("label", below, key[2]) for key in language.rows if key[:2] == ("label", below)}
                value = [body for bodies in value.values() for body in bodies]
            for inner in value:
                covered(language, below, inner, seen)
        elif word in language.attrs[path]:
            seen.add(("attr", path, word))
        else:
            seen.add(("attr", "*." + path.rsplit(".", 1)[-1], word))
