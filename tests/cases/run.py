#!/usr/bin/env python3
"""Plays recorded cases of `aws s3` against a program with the same commands, and compares what comes of it.

    python3 run.py PROGRAM --cases cases.json --recorded [-v] [--only SUBSTRING] [--group NAME]
        [--server URL --access-key KEY --secret-key SECRET --without CASE]

PROGRAM is a path, or a quoted command line, such as "aws s3". With `--recorded` the answers in the file are what is compared
with; without, `aws s3` runs beside PROGRAM. The server is `moto_server`, started on a free port of 127.0.0.1 and ended, or
the one of `--server URL`. Needs `moto[server]` and `boto3`, and `awscli` without `--recorded`.

Each case has buckets, a working directory, a home and a cache directory of its own. It passes where all of these agree:

  rc      exit code; those of version 2 of `aws` count as well, unless `--strict-rc` is given
  out     standard output: progress dropped, names and dates replaced, lines sorted unless the case is about their order
  err     standard error is empty or not as that of `aws` on failure, and tells of no crash
  remote  content of every bucket, read by the program itself: `ls --recursive`, then `cp` of each object; SHA-256
  local   the working directory afterwards: paths, types, SHA-256, symbolic links
  head    for a few cases: content type, metadata, storage class

Exits with 0 where all passed, 1 where some failed, 2 where nothing could be run.
"""

import argparse, hashlib, json, os, random, re, shlex, shutil, socket, stat, subprocess, sys
import tempfile, time, urllib.request, uuid
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

DT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
LSLINE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\s+(\d+) (.*)$")
CRASH = re.compile(r"Traceback \(most recent call last\)|panicked at|RUST_BACKTRACE|core dumped")


# ---------------------------------------------------------------- content
def make_content(c):
    if c is None:
        return b""
    if "text" in c:
        return c["text"].encode()
    if "hex" in c:
        return bytes.fromhex(c["hex"])
    rnd = random.Random(c["rand"])
    data = bytearray(rnd.randbytes(c.get("size", 65536)))
    for i in range(c.get("mutate", 0)):          # small edits: a good delta
        r2 = random.Random(f"{c['rand']}-{i}")
        p = r2.randrange(max(1, len(data) - 16))
        data[p:p + 8] = r2.randbytes(8)
    return bytes(data)


def sha(b):
    return hashlib.sha256(b).hexdigest()


# ---------------------------------------------------------------- server
class Server:
    def __init__(self, url=None, access_key="testing", secret_key="testing"):
        self.proc = None
        self.access_key, self.secret_key = access_key, secret_key
        if url is None:
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                port = s.getsockname()[1]
            exe = Path(sys.executable).parent / "moto_server"
            self.proc = subprocess.Popen([str(exe), "-H", "127.0.0.1", "-p", str(port)],
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            url = f"http://127.0.0.1:{port}"
        self.url = url
        for _ in range(100):
            try:
                urllib.request.urlopen(url + "/", timeout=2)
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.2)
        else:
            raise SystemExit("the S3 server did not start")
        self.s3 = boto3.client("s3", endpoint_url=url, aws_access_key_id=access_key,
                               aws_secret_access_key=secret_key, region_name="us-east-1",
                               config=Config(retries={"max_attempts": 2}, s3={"addressing_style": "path"}))

    def close(self):
        if self.proc:
            self.proc.terminate()
            self.proc.wait()


# ---------------------------------------------------------------- one run
class Run:
    """One case run with one tool in its own world."""

    def __init__(self, case, tool, srv, is_reference):
        self.case, self.tool, self.srv, self.is_reference = case, tool, srv, is_reference
        tag = uuid.uuid4().hex[:10]
        self.names = {"BUCKET": f"dh-{tag}-a", "BUCKET2": f"dh-{tag}-b", "NOBUCKET": f"dh-{tag}-none",
                      "NEWBUCKET": f"dh-{tag}-new"}
        self.wrong_sizes = 0
        self.root = Path(tempfile.mkdtemp(prefix="dh-"))
        self.cwd = self.root / "w"
        self.home = self.root / "home"
        self.tmp = self.root / "tmp"
        for d in (self.cwd, self.home, self.tmp):
            d.mkdir()
        self.env = {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "TMPDIR": str(self.tmp), "TZ": "UTC",
            "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", "AWS_ENDPOINT_URL": srv.url,
            "AWS_ACCESS_KEY_ID": srv.access_key, "AWS_SECRET_ACCESS_KEY": srv.secret_key,
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "2",
            "DG_CACHE_DIR": str(self.root / "dgcache"), "DG_SUPPRESS_DEPRECATION": "1",
            "DG_LOG_LEVEL": "ERROR",
        }

    # -- helpers
    def sub(self, s):
        for k, v in self.names.items():
            s = s.replace("{" + k + "}", v)
        return s.replace("{CWD}", str(self.cwd)).replace("{ENDPOINT}", self.srv.url)

    def norm_text(self, s):
        for k, v in self.names.items():
            s = s.replace(v, "{" + k + "}")
        s = s.replace(str(self.cwd), "{CWD}").replace(str(self.root), "{ROOT}").replace(self.srv.url, "{ENDPOINT}")
        return DT.sub("{DATETIME}", s)

    def norm_lines(self, raw):
        out = []
        for line in raw.decode("utf-8", "replace").split("\n"):
            parts = [p for p in line.split("\r") if p.strip()]
            line = parts[-1] if parts else ""
            if re.match(r"\s*Completed .* remaining", line):
                m = re.search(r"(upload|download|copy|move|delete)( failed)?: ", line)
                line = line[m.start():] if m else ""
                if not line:
                    continue
            out.append(self.norm_text(line.rstrip()))
        while out and not out[-1]:
            out.pop()
        while out and not out[0]:
            out.pop(0)
        return out

    def exec(self, argv, stdin=b"", cwd=None, env=None, timeout=120):
        cmd = shlex.split(self.tool) + [self.sub(a) for a in argv]
        try:
            p = subprocess.run(cmd, input=stdin, capture_output=True, cwd=cwd or self.cwd,
                               env=env or self.env, timeout=timeout)
            return p.returncode, p.stdout, p.stderr
        except subprocess.TimeoutExpired as e:
            return "timeout", e.stdout or b"", e.stderr or b""

    # -- set the world up
    def setup(self):
        s3, st = self.srv.s3, self.case.get("setup", {})
        s3.create_bucket(Bucket=self.names["BUCKET"])
        if st.get("bucket2"):
            s3.create_bucket(Bucket=self.names["BUCKET2"])
        for h in st.get("home", []):
            p = self.home / h["path"]
            p.parent.mkdir(parents=True, exist_ok=True)
            text = self.sub(h["text"])
            # Credentials in files are those of the server, too.
            if p.name == "credentials":
                text = re.sub(r"(aws_access_key_id) = testing", rf"\1 = {self.srv.access_key}", text)
                text = re.sub(r"(aws_secret_access_key) = testing", rf"\1 = {self.srv.secret_key}", text)
            p.write_text(text)
        todo = []
        for r in st.get("remote", []):
            b, k = self.sub(r.get("bucket", "{BUCKET}")), self.sub(r["key"])
            body = make_content(r.get("content"))
            if self.is_reference or r.get("raw"):
                s3.put_object(Bucket=b, Key=k, Body=body, **r.get("put", {}))
            else:
                todo.append((b, k, body))
        for b in dict.fromkeys(x[0] for x in todo):
            self.upload(b, [(k, body) for bb, k, body in todo if bb == b],
                        raw_keys=any(r.get("raw") for r in st["remote"]))
        if st.get("pause"):                      # LastModified has whole seconds
            time.sleep(st["pause"])
        links = []
        for l in st.get("local", []):
            if "dir" in l:
                (self.cwd / l["dir"]).mkdir(parents=True, exist_ok=True)
                continue
            p = self.cwd / l["path"]
            p.parent.mkdir(parents=True, exist_ok=True)
            if "symlink" in l:
                links.append((p, self.sub(l["symlink"])))
            elif l.get("fifo"):
                os.mkfifo(p)
            else:
                p.write_bytes(make_content(l.get("content")))
                if "mtime" in l:
                    t = time.time() + l["mtime"]["rel"] if "rel" in l["mtime"] else l["mtime"]["abs"]
                    os.utime(p, (t, t))
        for p, target in links:
            os.symlink(target, p)
        for pol in st.get("deny", []):
            b = self.sub(pol.get("bucket", "{BUCKET}"))
            s3.put_bucket_policy(Bucket=b, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
                {"Effect": "Deny", "Principal": "*", "Action": pol["actions"],
                 "Resource": [f"arn:aws:s3:::{b}", f"arn:aws:s3:::{b}/*"]}]}))

    def upload(self, b, items, raw_keys):
        """Set-up objects, through the program itself."""
        if len(items) > 2 and not raw_keys:      # one process instead of many, then checked
            stage = self.root / ("stage-" + b)
            for k, body in items:
                p = stage / k
                p.parent.mkdir(parents=True, exist_ok=True)
                p.write_bytes(body)
            rc, _, _ = self.exec(["cp", str(stage), f"s3://{b}/", "--recursive"], cwd=self.tmp)
            _, o, _ = self.exec(["ls", "--recursive", f"s3://{b}"], cwd=self.tmp)
            got = sorted(m.group(2) for m in map(LSLINE.match, o.decode("utf-8", "replace").split("\n")) if m)
            if rc == 0 and got == sorted(k for k, _ in items):
                return
            self.empty(b)
        for i, (k, body) in enumerate(items):
            f = self.root / f"stage-{b}-{i}" / (os.path.basename(k) or "x")
            f.parent.mkdir()
            f.write_bytes(body)
            rc, o, e = self.exec(["cp", str(f), f"s3://{b}/{k}"], cwd=self.tmp)
            if rc != 0:
                raise RuntimeError(f"set-up failed: cp to {k}: rc {rc}: {e.decode('utf-8', 'replace')[-400:]}")

    def empty(self, b):
        for page in self.srv.s3.get_paginator("list_objects_v2").paginate(Bucket=b):
            for o in page.get("Contents", []):
                self.srv.s3.delete_object(Bucket=b, Key=o["Key"])

    # -- read the world back
    def local_state(self):
        out = {}
        for d, dirs, files in os.walk(self.cwd):
            for n in dirs + files:
                p = Path(d) / n
                rel = str(p.relative_to(self.cwd))
                m = p.lstat().st_mode
                if stat.S_ISLNK(m):
                    out[rel] = "symlink"
                elif stat.S_ISDIR(m):
                    out[rel] = "dir"
                elif stat.S_ISREG(m):
                    out[rel] = f"file {p.stat().st_size} {sha(p.read_bytes())[:16]}"
                else:
                    out[rel] = "special"
        return dict(sorted(out.items()))

    def bucket_exists(self, b):
        try:
            self.srv.s3.head_bucket(Bucket=b)
            return True
        except ClientError:
            return False

    def remote_state(self, want=None):
        """want (the reference's state) only saves time: where one recursive cp
        brings an object back with the bytes expected, it is not fetched again
        alone.  Whatever differs or is missing is fetched by its own cp."""
        out = {}
        for tag in ("BUCKET", "BUCKET2", "NEWBUCKET", "NOBUCKET"):
            b = self.names[tag]
            if not self.bucket_exists(b):
                continue
            objs = {}
            if self.is_reference:
                for page in self.srv.s3.get_paginator("list_objects_v2").paginate(Bucket=b):
                    for o in page.get("Contents", []):
                        k = o["Key"]
                        if k.endswith("/") or k in self.case.get("no_read", []) or o.get("StorageClass") in ("GLACIER", "DEEP_ARCHIVE"):
                            objs[k] = f"{o['Size']} -"
                        else:
                            body = self.srv.s3.get_object(Bucket=b, Key=k)["Body"].read()
                            objs[k] = f"{len(body)} {sha(body)[:16]}"
            else:
                rc, o, e = self.exec(["ls", "--recursive", f"s3://{b}"], cwd=self.tmp)
                if rc != 0:
                    objs["!ls"] = f"ls --recursive gave {rc}: {e.decode('utf-8', 'replace')[-200:]}"
                bulk = self.root / ("bulk-" + tag)
                if want is not None and len(want.get(tag, {})) > 1:
                    bulk.mkdir()
                    self.exec(["cp", f"s3://{b}/", str(bulk), "--recursive"], cwd=self.tmp)
                for i, line in enumerate(o.decode("utf-8", "replace").split("\n")):
                    if not line.strip():
                        continue
                    m = LSLINE.match(line)
                    if not m:
                        objs[f"!line {i}"] = self.norm_text(line)
                        continue
                    size, k = int(m.group(1)), m.group(2)
                    if k.endswith("/") or k in self.case.get("no_read", []):
                        objs[k] = f"{size} -"
                        continue
                    f = bulk / k
                    if want is not None and ".." not in k and f.is_file():
                        body = f.read_bytes()
                        if want.get(tag, {}).get(k) == f"{len(body)} {sha(body)[:16]}":
                            self.wrong_sizes += size != len(body)
                            objs[k] = f"{len(body)} {sha(body)[:16]}"
                            continue
                    dst = self.root / "back"
                    dst.mkdir(exist_ok=True)
                    f = dst / "obj"
                    if f.exists():
                        f.unlink()
                    rc, _, e = self.exec(["cp", f"s3://{b}/{k}", str(f)], cwd=self.tmp)
                    if rc != 0 or not f.is_file():
                        objs[k] = f"{size} unreadable rc={rc} {self.norm_text(e.decode('utf-8', 'replace'))[-160:]}"
                        continue
                    body = f.read_bytes()
                    self.wrong_sizes += size != len(body)
                    objs[k] = f"{len(body)} {sha(body)[:16]}"
            out[tag] = dict(sorted(objs.items()))
        return out

    def head_state(self):
        out = {}
        for h in self.case.get("head", []):
            b, k = self.sub(h.get("bucket", "{BUCKET}")), h["key"]
            r = None
            for kk in (k, k + ".delta"):         # a delta tool may store it beside
                try:
                    r = self.srv.s3.head_object(Bucket=b, Key=kk)
                    break
                except ClientError:
                    pass
            for f in h["fields"]:
                if r is None:
                    v = "no object"
                elif f.startswith("Metadata."):
                    v = r["Metadata"].get(f[9:])
                else:
                    v = r.get(f)
                out[f"{k}:{f}"] = v
        return out

    def go(self, want=None):
        """The observed behaviour, or {'broken': why}."""
        c = self.case
        try:
            self.setup()
        except Exception as e:
            return {"broken": str(e)}
        env = dict(self.env)
        for k, v in c.get("env", {}).items():
            if v is None:
                env.pop(k, None)
            else:
                env[k] = self.sub(v)
        pre = []
        for a in c.get("pre", []):
            pre.append(self.exec(a, env=env)[0])
        rc, o, e = self.exec(c["argv"], stdin=make_content(c.get("stdin")), env=env)
        for pol in c.get("setup", {}).get("deny", []):
            try:
                self.srv.s3.delete_bucket_policy(Bucket=self.sub(pol.get("bucket", "{BUCKET}")))
            except ClientError:
                pass
        mode = c.get("stdout", "lines")
        if mode == "bytes":
            out = [f"bytes {len(o)} {sha(o)[:16]}"]
        elif mode == "url":
            url = o.decode().strip()
            try:
                with urllib.request.urlopen(url, timeout=20) as r:
                    body = r.read()
                out = [f"url gives {len(body)} {sha(body)[:16]}"]
            except urllib.error.HTTPError as x:
                out = [f"url gives HTTP {x.code}"]
            except Exception as x:
                out = [f"no usable url: {type(x).__name__}"]
        else:
            out = self.norm_lines(o)
            if mode == "own-buckets":
                out = [l for l in out if "BUCKET" in l]
            if mode not in ("ordered", "own-buckets"):
                out = sorted(out)
        err = self.norm_lines(e)
        res = {"rc": rc, "pre_rc": pre, "stdout": out, "stderr": err[-12:],
                "remote": self.remote_state(want and want["remote"]), "local": self.local_state(), "head": self.head_state()}
        res["wrong_sizes"] = self.wrong_sizes
        return res

    def clean(self):
        s3 = self.srv.s3
        for b in self.names.values():
            try:
                self.empty(b)
                s3.delete_bucket(Bucket=b)
            except ClientError:
                pass
        shutil.rmtree(self.root, ignore_errors=True)


def run_case(case, tool, srv, is_reference, want=None):
    r = Run(case, tool, srv, is_reference)
    try:
        return r.go(want)
    finally:
        r.clean()


# ---------------------------------------------------------------- comparison
CHECKS = ("rc", "out", "err", "remote", "local", "head")


def compare(case, want, got, strict_rc=False):
    if "broken" in got:
        return {k: False for k in CHECKS}, [got["broken"]]
    ok, why = {}, []
    allowed = [want["rc"]] + ([] if strict_rc else case.get("rc_also", []))
    ok["rc"] = got["rc"] in allowed and all(r == 0 for r in got["pre_rc"]) == all(r == 0 for r in want["pre_rc"])
    if not ok["rc"]:
        why.append(f"exit code {got['rc']} (earlier steps {got['pre_rc']}), aws {allowed}")
    ok["out"] = got["stdout"] == want["stdout"]
    if not ok["out"]:
        for l in want["stdout"]:
            if l not in got["stdout"]:
                why.append("stdout lacks:  " + l)
        for l in got["stdout"]:
            if l not in want["stdout"]:
                why.append("stdout adds:   " + l)
        if sorted(got["stdout"]) == sorted(want["stdout"]):
            why.append("stdout: same lines, other order")
    crash = any(CRASH.search(l) for l in got["stderr"])
    silent = want["rc"] != 0 and bool(want["stderr"]) and not got["stderr"]
    ok["err"] = not crash and not silent
    if crash:
        why.append("stderr shows a crash: " + got["stderr"][-1])
    if silent:
        why.append("failed without a word on stderr")
    if "--dryrun" in case["argv"]:               # aws makes the target folder even then; nobody should have to
        want = dict(want, local={k: v for k, v in want["local"].items() if v != "dir"})
        got = dict(got, local={k: v for k, v in got["local"].items() if v != "dir"})
    for part in ("remote", "local", "head"):
        ok[part] = got[part] == want[part]
        if not ok[part]:
            a, b = want[part], got[part]
            if part == "remote":
                a = {f"{x}/{k}": v for x, d in a.items() for k, v in ({"": "bucket"} | d).items()}
                b = {f"{x}/{k}": v for x, d in b.items() for k, v in ({"": "bucket"} | d).items()}
            for k in sorted(set(a) | set(b)):
                if a.get(k) != b.get(k):
                    why.append(f"{part} {k}: aws {a.get(k, 'absent')!s}, program {b.get(k, 'absent')!s}")
    if not all(ok.values()) and got["stderr"]:
        why.append("stderr ends:   " + " | ".join(got["stderr"][-3:]))
    return ok, why


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("program")
    ap.add_argument("--cases", action="append", required=True)
    ap.add_argument("--recorded", action="store_true")
    ap.add_argument("--reference", default="aws s3")
    ap.add_argument("--server")
    ap.add_argument("--access-key", default="testing")
    ap.add_argument("--secret-key", default="testing")
    ap.add_argument("--only", action="append")
    ap.add_argument("--group")
    ap.add_argument("--without", action="append", default=[], help="a case that another server cannot play")
    ap.add_argument("--json")
    ap.add_argument("--strict-rc", action="store_true")
    ap.add_argument("--rescore")
    ap.add_argument("--careful", action="store_true")
    ap.add_argument("-v", "--verbose", action="store_true")
    a = ap.parse_args()

    old = {r["id"]: r["got"] for r in json.load(open(a.rescore))["rows"]} if a.rescore else None
    first = shlex.split(a.program)[0]
    found = shutil.which(first)
    if not found:
        print(f"no such program: {first}", file=sys.stderr)
        return 2
    if os.sep in first:
        a.program = " ".join(shlex.quote(x) for x in [str(Path(first).absolute())] + shlex.split(a.program)[1:])
    cases = [c for f in a.cases for c in json.load(open(f))["cases"]]
    if a.only:
        cases = [c for c in cases if any(s in c["id"] for s in a.only)]
    cases = [c for c in cases if c["id"] not in a.without]
    if a.group:
        cases = [c for c in cases if c["group"] == a.group]
    if old is not None:
        cases = [c for c in cases if c["id"] in old]
    srv = Server(a.server, a.access_key, a.secret_key) if old is None else None
    rows, t0 = [], time.time()
    mark = lambda b: "ok" if b else "XX"
    print(f"{'case':44} {'rc':3} {'out':3} {'err':3} {'rem':3} {'loc':3} {'hd':3} result")
    try:
        for c in cases:
            want = c["expect"] if a.recorded or old is not None else run_case(c, a.reference, srv, True)
            if "broken" in want:
                print(f"{c['id']:44} reference run broke: {want['broken']}", file=sys.stderr)
                return 2
            got = old[c["id"]] if old is not None else run_case(c, a.program, srv, False, None if a.careful else want)
            ok, why = compare(c, want, got, a.strict_rc)
            good = all(ok.values())
            rows.append({"id": c["id"], "group": c["group"], "ok": ok, "pass": good, "why": why, "got": got})
            print(f"{c['id']:44} " + " ".join(f"{mark(ok[k]):3}" for k in CHECKS) + (" PASS" if good else " FAIL"), flush=True)
            if a.verbose and not good:
                for w in why[:14]:
                    print("      " + w[:220])
    finally:
        if srv:
            srv.close()
    n = len(rows)
    p = sum(r["pass"] for r in rows)
    sem = sum(all(r["ok"][k] for k in ("rc", "err", "remote", "local", "head")) for r in rows)
    print()
    for g in dict.fromkeys(r["group"] for r in rows):
        rs = [r for r in rows if r["group"] == g]
        print(f"  {g:10} {sum(r['pass'] for r in rs):3}/{len(rs):<3}")
    w = [r["got"].get("wrong_sizes", 0) for r in rows]
    if any(w):
        print(f"  note: ls told a size other than the object's own for {sum(w)} objects in {sum(x > 0 for x in w)} cases")
    print("  by check: " + ", ".join(f"{k} {sum(r['ok'][k] for r in rows)}/{n}" for k in CHECKS))
    print(f"  all but stdout text: {sem} passed, {n - sem} failed")
    print(f"{p} passed, {n - p} failed   ({time.time() - t0:.0f} s)")
    if a.json:
        json.dump({"program": a.program, "passed": p, "failed": n - p, "passed_without_stdout": sem, "rows": rows},
                  open(a.json, "w"), indent=1, ensure_ascii=False)
    return 0 if p == n else 1


if __name__ == "__main__":
    sys.exit(main())
