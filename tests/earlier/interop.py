#!/usr/bin/env python3
"""The earlier tool and this one on one bucket, in both directions.

  interop.py ENDPOINT BINARY GOLDEN VERSION=PROGRAM...

ENDPOINT is an S3 server, with credentials in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. BINARY is `deltaglider`, each PROGRAM the
earlier tool of that version, GOLDEN the folder with the bucket that it wrote. `xdelta3` has to be on the path; boto3 has to be there.
Exit status: 0 where everything was as it should be, 1 with a line for each fault.
"""
import hashlib, json, os, random, shutil, subprocess, sys, tempfile, zipfile
from pathlib import Path

import boto3
from botocore.config import Config

ENDPOINT, BINARY, GOLDEN = sys.argv[1:4]
EARLIER = dict(argument.split("=", 1) for argument in sys.argv[4:])
S3 = boto3.client("s3", endpoint_url=ENDPOINT, region_name="us-east-1", config=Config(
    s3={"addressing_style": "path"}, request_checksum_calculation="when_required", response_checksum_validation="when_required"))
FAULTS, CHECKS = [], 0


def check(holds, what, run=None):
    global CHECKS
    CHECKS += 1
    if not holds:
        FAULTS.append(what)
        print(f"FAULT {what}")
        if run is not None:
            print(run.stdout[-2000:].decode(errors="replace"), run.stderr[-2000:].decode(errors="replace"))


class Side:
    """One of the two tools, with a home of its own."""

    def __init__(self, name, program, home):
        self.name, self.program = name, program
        self.is_ours = name == "ours"
        home.mkdir()
        self.env = {
            "PATH": os.environ["PATH"], "HOME": str(home), "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": ENDPOINT,
            "AWS_ACCESS_KEY_ID": os.environ["AWS_ACCESS_KEY_ID"], "AWS_SECRET_ACCESS_KEY": os.environ["AWS_SECRET_ACCESS_KEY"],
            "DG_SUPPRESS_DEPRECATION": "1", "DG_DISABLE_EC2_DETECTION": "true", "AWS_EC2_METADATA_DISABLED": "true",
        }

    def run(self, *arguments, cwd=None):
        return subprocess.run([self.program, *map(str, arguments)], env=self.env, cwd=cwd, capture_output=True, timeout=300)

    def put(self, path, url):
        # The earlier tool stores a file under the file's own name, whatever the URL says.
        named = path.parent / f"named-{self.name}" / url.rsplit("/", 1)[1]
        named.parent.mkdir(exist_ok=True)
        shutil.copy(path, named)
        run = self.run("cp", named, url)
        check(run.returncode == 0, f"{self.name} puts {url}", run)

    def gets(self, url, content, folder):
        target = folder / f"got-{random.getrandbits(64):x}"
        run = self.run("cp", url, target)
        got = target.read_bytes() if target.is_file() else None
        check(run.returncode == 0 and got == content, f"{self.name} gets {url}", run)
        target.unlink(missing_ok=True)

    def sizes(self, url):
        """What `ls --recursive` says: sizes by key. The earlier tool says what is stored, not how large it is."""
        run = self.run("ls", url, "--recursive")
        check(run.returncode == 0, f"{self.name} lists {url}", run)
        lines = [line for line in run.stdout.decode().splitlines() if line[4:5] == "-"]
        # The earlier tool writes whole URLs.
        return {line[20:].split(None, 1)[1].removeprefix("s3://").split("/", 1 if not self.is_ours and "s3://" in line else 0)[-1]:
                line[20:].split(None, 1)[0] for line in lines}


def archive(folder, name, version, seed=1):
    """A zip like a release: many files, of which a few change with the version."""
    rng = random.Random(seed)
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for number in range(40):
            text = " ".join(f"{rng.getrandbits(40):x}" for _ in range(300))
            if number % 13 == version % 13:
                text = f"version {version} " + text
            file.writestr(zipfile.ZipInfo(f"lib/module-{number:02}.txt"), text, zipfile.ZIP_DEFLATED)
    return path


def keys(bucket, prefix=""):
    pages = S3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return sorted(entry["Key"] for page in pages for entry in page.get("Contents", []))


def make_bucket(bucket):
    try:
        S3.create_bucket(Bucket=bucket)
    except S3.exceptions.BucketAlreadyOwnedByYou:
        pass
    for key in keys(bucket):
        S3.delete_object(Bucket=bucket, Key=key)


def golden(ours, folder):
    """Every entry of the bucket that the earlier tool wrote gives what is expected of it."""
    manifest = json.loads((Path(GOLDEN) / "manifest.json").read_text())
    bucket = "dg-golden"
    make_bucket(bucket)
    for entry in manifest["objects"]:
        S3.put_object(Bucket=bucket, Key=entry["key"], Body=(Path(GOLDEN) / entry["file"]).read_bytes(),
                      Metadata=entry["metadata"], ContentType=entry["content_type"])
    counts = {}
    for entry in manifest["logical"]:
        if entry["kind"] == "tmp":
            continue
        target = folder / "golden"
        run = ours.run("cp", f"s3://{bucket}/{entry['logical_key']}", target)
        got = hashlib.sha256(target.read_bytes()).hexdigest() if target.exists() else None
        right = run.returncode == 0 and got == entry["original_sha256"]
        refused = run.returncode not in (0, 101) and got is None and run.stderr.startswith(b"download failed: ")
        expected = entry["expect"].split(":")[0]
        holds = {"ok": right, "error": refused, "ok_or_error": right or refused}[expected]
        check(holds, f"golden {entry['logical_key']} ({entry['expect']})", run)
        counts[expected, "given" if right else "refused"] = counts.get((expected, "given" if right else "refused"), 0) + 1
        target.unlink(missing_ok=True)
    print("golden:", ", ".join(f"{number} {expected} {outcome}" for (expected, outcome), number in sorted(counts.items())))


def both_ways(ours, theirs, version, folder):
    bucket = "dg-both-" + version.replace(".", "-")
    make_bucket(bucket)
    asked = ours.run("put-bucket-config", f"s3://{bucket}", "--codec", "vcdiff")
    check(asked.returncode == 0, f"{version}: the bucket asks for vcdiff", asked)
    sides = {"ours": ours, "theirs": theirs}
    files = {number: archive(folder, f"app-{number}.zip", number) for number in range(6)}
    content = {number: path.read_bytes() for number, path in files.items()}

    # Put by one, by the other, and by turns; read by both.
    for space, writers in [("ours", ["ours"]), ("theirs", ["theirs"]), ("mixed/a b+c", ["theirs", "ours"]), ("mixed/two", ["ours", "theirs"])]:
        for number, path in files.items():
            sides[writers[number % len(writers)]].put(path, f"s3://{bucket}/{space}/{path.name}")
        stored = keys(bucket, f"{space}/")
        wanted = sorted([f"{space}/reference.bin"] + [f"{space}/app-{number}.zip.delta" for number in files])
        check(stored == wanted, f"{version}: {space} holds a reference and its deltas, and is {stored}")
        for number, path in files.items():
            for side in sides.values():
                side.gets(f"s3://{bucket}/{space}/{path.name}", content[number], folder)
        logical = {f"{space}/{path.name}": str(len(content[number])) for number, path in files.items()}
        check(ours.sizes(f"s3://{bucket}/{space}/") == logical, f"{version}: ours lists {space} with its sizes")
        listed = theirs.run("ls", f"s3://{bucket}/{space}/", "--recursive")
        seen = listed.stdout.decode()
        check(listed.returncode == 0 and all(path.name in seen for path in files.values()), f"{version}: theirs lists {space}", listed)
        for number in (0, 5):
            verified = theirs.run("verify", f"s3://{bucket}/{space}/app-{number}.zip.delta")
            check(verified.returncode == 0, f"{version}: theirs verifies {space}/app-{number}.zip", verified)

    # Files that are stored whole.
    text = folder / "notes.txt"
    text.write_text("notes of a release\n" * 400)
    for name, side in sides.items():
        side.put(text, f"s3://{bucket}/whole/{name}.txt")
    for name in sides:
        for side in sides.values():
            side.gets(f"s3://{bucket}/whole/{name}.txt", text.read_bytes(), folder)

    # An object that is stored anew, by the other one.
    for first, second in [("theirs", "ours"), ("ours", "theirs")]:
        url = f"s3://{bucket}/anew/{first}.zip"
        sides[first].put(files[0], url)
        sides[second].put(files[3], url)
        for side in sides.values():
            side.gets(url, content[3], folder)
    # A whole form, by whoever, does not stand in front of our delta.
    S3.put_object(Bucket=bucket, Key="anew/old.zip", Body=content[1])
    ours.put(files[4], f"s3://{bucket}/anew/old.zip")
    for side in sides.values():
        side.gets(f"s3://{bucket}/anew/old.zip", content[4], folder)

    # Folders, up by one and down by the other.
    tree = folder / "tree"
    for number in range(3):
        archive(tree, f"x/lib-{number}.zip", number, seed=2)
        archive(tree, f"y/lib-{number}.zip", number, seed=3)
        (tree / f"x/read-{number}.md").write_text(f"read {number}\n" * 50)
    wanted = {str(path.relative_to(tree)): path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    for up, down in [("ours", "theirs"), ("theirs", "ours")]:
        url = f"s3://{bucket}/tree-{up}/"
        sent = sides[up].run("sync", tree, url)
        check(sent.returncode == 0, f"{version}: {up} syncs up", sent)
        for reader in {down, "ours"}:
            got = folder / f"got-{up}-{reader}"
            got.mkdir()
            fetched = sides[reader].run("sync", url, got)
            there = {str(path.relative_to(got)): path.read_bytes() for path in got.rglob("*") if path.is_file()}
            check(fetched.returncode == 0 and there == wanted, f"{version}: {reader} syncs down what {up} sent: {sorted(there)}", fetched)
    again = ours.run("sync", tree, f"s3://{bucket}/tree-theirs/", "--size-only")
    check(again.returncode == 0 and again.stdout == b"", f"{version}: ours has nothing to sync after theirs", again)

    # Statistics by both.
    for name, side in sides.items():
        told = side.run("stats", f"s3://{bucket}" if side.is_ours else bucket, *(["--json"] if side.is_ours else []))
        check(told.returncode == 0, f"{version}: {name} gives statistics", told)
    verified = ours.run("verify", f"s3://{bucket}", "--recursive")
    check(verified.returncode == 0, f"{version}: ours verifies everything", verified)

    # Removed by one, the others still there for both; the last one takes the reference with it.
    for space, remover, reader in [("ours", theirs, ours), ("theirs", ours, theirs)]:
        for number in range(5):
            name = f"app-{number}.zip"
            removed = remover.run("rm", f"s3://{bucket}/{space}/{name}" + ("" if remover.is_ours else ".delta"))
            check(removed.returncode == 0, f"{version}: {remover.name} removes {space}/{name}", removed)
        for side in (reader, remover):
            side.gets(f"s3://{bucket}/{space}/app-5.zip", content[5], folder)
        remover.run("rm", f"s3://{bucket}/{space}/app-5.zip" + ("" if remover.is_ours else ".delta"))
        check(keys(bucket, f"{space}/") == [], f"{version}: nothing is left of {space}: {keys(bucket, space + '/')}")
        reader.put(files[2], f"s3://{bucket}/{space}/app-2.zip")
        remover.gets(f"s3://{bucket}/{space}/app-2.zip", content[2], folder)
    removed = theirs.run("rm", "-r", f"s3://{bucket}/mixed/")
    check(removed.returncode == 0 and keys(bucket, "mixed/") == [], f"{version}: theirs removes a prefix: {keys(bucket, 'mixed/')}", removed)
    removed = ours.run("rm", "--recursive", f"s3://{bucket}/tree-theirs/")
    left = keys(bucket, "tree-theirs/")
    check(removed.returncode == 0 and left == [], f"{version}: ours removes a prefix: {left}", removed)


def main():
    with tempfile.TemporaryDirectory() as root:
        root = Path(root)
        ours = Side("ours", BINARY, root / "home-ours")
        golden(ours, root)
        for version, program in EARLIER.items():
            folder = root / version
            folder.mkdir()
            before = CHECKS, len(FAULTS)
            both_ways(ours, Side(version, program, root / f"home-{version}"), version, folder)
            print(f"{version}: {CHECKS - before[0]} checks, {len(FAULTS) - before[1]} faults")
    print(f"{CHECKS} checks, {len(FAULTS)} faults")
    sys.exit(bool(FAULTS))


main()
