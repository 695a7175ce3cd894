"""Objects of S3: written, overwritten, copied, deleted, uploaded in parts."""

import hashlib

from ..journal import DOUBLED, HALF, WRONG
from .base import Actor, absent

BUCKET = "chaos"
# The least size of a part that is not the last.
PART = 5 << 20
BLOCK = bytes(range(256)) * (PART // 256)
MISSING = ("NoSuchKey", "NoSuchUpload", "404")


def never(_state):
    return False


def sha(body):
    return hashlib.sha256(body).hexdigest()[:16]


def content(state):
    return state and state[0]


def uploads(state):
    return dict(state[1]) if state else {}


def state_of(digest, open_uploads):
    parts = tuple(sorted((id, tuple(sorted(dict(parts).items()))) for id, parts in open_uploads.items()))
    return (digest, parts) if digest or parts else None


class Objects(Actor):
    """State of a key: its content's digest, and the parts of each open upload."""

    most = 12

    def __init__(self, sweep, name):
        super().__init__(sweep, name)
        # Parts by their ETag, for the digest of what they make together.
        self.parts = {}
        # Uploads whose ids were answered. Of the others it is only known how many there may be, by key.
        self.ids = set()
        self.maybe = {}

    def act(self):
        if len(self.registers) < self.most:
            return self.put(self.new("Object"))
        register = self.rng.choice(list(self.registers.values()))
        if not register.known:
            return self.journal.observe(register, self.read(register), "a look after a write that was not answered")
        if uploads(register.state):
            ways = [self.put, self.part, self.part, self.complete, self.complete, self.abort]
        else:
            ways = [self.put, self.put, self.put, self.copy, self.delete, self.start, self.start]
        return self.rng.choice(ways)(register)

    def place(self, register):
        return {"Bucket": BUCKET, "Key": f"{self.name}/{register.name}"}

    def body(self, length):
        self.made += 1
        return f"{self.name} {self.made} {length}\n".encode() + BLOCK[:length]

    def write(self, register, what, new, do, **arguments):
        return self.journal.write(register, what, new, do, never, **self.place(register), **arguments)

    def put(self, register):
        length = self.rng.choice([0, 10, 1000, 70_000, 70_000, 3 << 20])
        body = self.body(self.rng.randrange(length + 1))
        check = self.rng.choice(["CRC32", "SHA1", "SHA256"])
        new = state_of(sha(body), uploads(register.state))
        self.write(register, "put", new, self.client("s3").put_object, Body=body, ChecksumAlgorithm=check)

    def copy(self, register):
        source = self.rng.choice(list(self.registers.values()))
        if source.known and content(source.state):
            new = state_of(content(source.state), uploads(register.state))
            copy = self.client("s3").copy_object
            self.write(register, "copy", new, copy, CopySource=self.place(source), MetadataDirective="REPLACE")

    def delete(self, register):
        new = state_of(None, uploads(register.state))
        self.write(register, "delete", new, self.client("s3").delete_object)

    def start(self, register):
        before = register.state

        def known(told):
            self.ids.add(told["UploadId"])
            return state_of(content(before), {**uploads(before), told["UploadId"]: ()})

        # The id of an upload that is not answered is not known, so that the state shows none.
        if self.write(register, "start upload", before, self.client("s3").create_multipart_upload, known=known) is None:
            self.maybe[register.name] = self.maybe.get(register.name, 0) + 1

    def one_upload(self, register):
        return self.rng.choice(sorted(uploads(register.state).items()))

    def part(self, register):
        id, parts = self.one_upload(register)
        # All parts but the second have the least size, so that any two of them can be completed.
        number = self.rng.choice([1, 2, 2])
        body = self.body(PART if number == 1 else self.rng.randrange(100_000))
        etag = hashlib.md5(body).hexdigest()
        self.parts[etag] = body
        new = state_of(content(register.state), {**uploads(register.state), id: {**dict(parts), number: etag}})
        self.write(register, "part", new, self.client("s3").upload_part, UploadId=id, PartNumber=number, Body=body)

    def complete(self, register):
        id, parts = self.one_upload(register)
        if not parts:
            return
        others = {other: p for other, p in uploads(register.state).items() if other != id}
        new = state_of(sha(b"".join(self.parts[etag] for _, etag in parts)), others)
        whole = {"Parts": [{"PartNumber": number, "ETag": etag} for number, etag in parts]}
        self.write(register, "complete", new, self.client("s3").complete_multipart_upload, UploadId=id, MultipartUpload=whole)

    def abort(self, register):
        id, _ = self.one_upload(register)
        others = {other: p for other, p in uploads(register.state).items() if other != id}
        new = state_of(content(register.state), others)
        self.write(register, "abort", new, self.client("s3").abort_multipart_upload, UploadId=id)

    # Reads

    def fetch(self, register):
        """The digest of an object's content, whose checksums the client checks."""

        def get(**place):
            return self.client("s3").get_object(**place)["Body"].read()

        body = self.see(get, MISSING, **self.place(register))
        return None if body is None else sha(body)

    def open_uploads(self, register):
        place = self.place(register)
        told = self.see(self.client("s3").list_multipart_uploads, Bucket=place["Bucket"], Prefix=place["Key"])
        return [upload["UploadId"] for upload in told.get("Uploads", []) if upload["Key"] == place["Key"]]

    def read(self, register):
        found = {}
        for id in self.open_uploads(register):
            if id in self.ids:
                told = self.see(self.client("s3").list_parts, MISSING, UploadId=id, **self.place(register))
                found[id] = {part["PartNumber"]: part["ETag"].strip('"') for part in (told or {}).get("Parts", [])}
        return state_of(self.fetch(register), found)

    def check(self):
        for register in self.registers.values():
            self.journal.observe(register, self.read(register), "a look")
            self.drop_unknown_uploads(register)
        self.check_list()
        open_parts = {etag for r in self.registers.values() for parts in uploads(r.state).values() for _, etag in parts}
        self.parts = {etag: body for etag, body in self.parts.items() if etag in open_parts}

    def drop_unknown_uploads(self, register):
        unknown = [id for id in self.open_uploads(register) if id not in self.ids]
        if len(unknown) > self.maybe.pop(register.name, 0):
            self.journal.violate(DOUBLED, f"{register}: the uploads {unknown} were never begun")
        for id in unknown:
            self.client("s3").abort_multipart_upload(UploadId=id, **self.place(register))

    def check_list(self):
        listed = self.pages("s3", "list_objects_v2", "Contents", Bucket=BUCKET, Prefix=f"{self.name}/")
        names = [item["Key"].split("/", 1)[1] for item in listed]
        self.compare_names(self.name, names, {n: r for n, r in self.registers.items() if content(r.state) or absent(r.state)})
        for item in listed:
            head = self.client("s3").head_object(Bucket=BUCKET, Key=item["Key"])
            if (head["ETag"], head["ContentLength"]) != (item["ETag"], item["Size"]):
                self.journal.violate(WRONG, f"the list shows {item} and the object {head['ETag']}, {head['ContentLength']}")


def torn(journal, register, digest, candidates):
    journal.violate(HALF, f"{journal.story(register)}: a reader meanwhile saw {digest}, which is none of {candidates}")
