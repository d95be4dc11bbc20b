"""Named checks: each prints one line, and the last line counts them."""
import time, traceback


class Skip(Exception):
    """The check cannot be made here; the text says why."""


class Checks:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def run(self, name, check, *arguments):
        """Runs one check. It may return a remark, raise Skip, or fail by any other exception."""
        began = time.time()
        try:
            remark = check(*arguments)
        except Skip as reason:
            self.skipped += 1
            print(f"skip  {name}: {reason}", flush=True)
            return
        except Exception as error:
            self.failed += 1
            place = traceback.extract_tb(error.__traceback__)[-1]
            print(f"FAIL  {name}: {type(error).__name__}: {error} ({place.filename.rsplit('/', 1)[-1]}:{place.lineno})", flush=True)
            return
        self.passed += 1
        tail = f" ({remark})" if remark else ""
        print(f"ok    {name}{tail}, {time.time() - began:.1f} s", flush=True)

    def total(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def same(found, wanted, what=""):
    if found != wanted:
        raise AssertionError(f"{what + ': ' if what else ''}{found!r} instead of {wanted!r}")


def wait(what, question, seconds=20):
    """Asks until the answer is something, and returns it."""
    end = time.time() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.time() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.1)
