"""A second, naive telling of clause 5, to hold the service against.

It shares no code with the service: plain dicts, no incremental work. States are worked out from the whole
history each time; each operation says which faults would be right (any that applies), and which events follow.
"""

from datetime import timedelta

RECORDINGS, JOBS, JOBS_EACH, RECEIVERS, VIDEO, TRACKS = 3, 8, 6, 3, 2, 5
INSTANT = timedelta(seconds=5)
TYPES = {"VIDEO": "Video", "AUDIO": "Audio", "META": "Metadata"}


class Model:
    def __init__(self, now):
        self.now = now
        self.recordings, self.jobs, self.receivers, self.data = {}, {}, {}, {}
        self.activations = 0
        self.forget()

    def forget(self):
        """What a power cycle takes away."""
        self.overrides, self.exports, self.schedules, self.reports = {}, {}, {}, {}
        self.history, self.shown = [], {}
        for job in self.jobs.values():
            job["since"], job["held"] = 0, set()

    # ---- helpers -----------------------------------------------------------------------------------

    def of(self, recording):
        return [token for token, job in self.jobs.items() if job["recording"] == recording]

    def conditions(self):
        held = {}
        for _, key, kind in self.history:
            if kind == "on":
                held[key] = True
            elif kind == "off":
                held.pop(key, None)
        return set(held)

    def gate(self, job):
        """Open or not, from everything that happened since the job has its filter."""
        on, open_ = set(job["held"]), False
        for when, key, kind in self.history[job["since"] :]:
            if not key.startswith(job["filter"]["topic"]):
                continue
            if kind == "on":
                on.add(key)
                open_ |= self.now < when + INSTANT
            elif kind == "off" and key in on:
                on.discard(key)
                open_ |= self.now < when + job["filter"]["after"]
            elif kind == "instant":
                open_ |= self.now < when + max(INSTANT, job["filter"]["after"])
        return open_ or bool(on)

    def eligible(self, job):
        return (
            job["mode"] == "Active"
            and (job["schedule"] is None or self.schedules.get(job["schedule"]) is True)
            and (job["filter"] is None or self.gate(job))
        )

    def feeder(self, recording, track):
        rivals = [
            (self.jobs[token]["priority"], self.jobs[token]["activation"], token)
            for token in self.of(recording)
            if self.eligible(self.jobs[token]) and any(track in tracks for _, tracks in self.jobs[token]["sources"])
        ]
        return max(rivals)[2] if rivals else None

    def state(self, token):
        job = self.jobs[token]

        def combine(found):
            if "Error" in found:
                return "Error"
            if all(one == "Idle" for one in found):
                return "Idle"
            return "Active" if all(one == "Active" for one in found) else "PartiallyActive"

        def one(track):
            if self.feeder(job["recording"], track) != token:
                return "Idle"
            return self.reports.get((token, track), "Active")

        tracks = [[one(track) for track in tracks] for _, tracks in job["sources"]]
        return combine([combine(found) for found in tracks]), tracks

    def settle(self):
        """The JobState events of a step; whoever does not feed a track has nothing to report of it."""
        gone = [token for token in self.shown if token not in self.jobs]
        events = [("JobState", token, "Deleted", self.shown.pop(token), False) for token in gone]
        self.reports = {
            (job, track): state
            for (job, track), state in self.reports.items()
            if job in self.jobs and self.feeder(self.jobs[job]["recording"], track) == job
        }
        for token in self.jobs:
            state, tracks = self.state(token)
            if self.shown.get(token) != state:
                what = "Changed" if token in self.shown else "Initialized"
                differ = len({one for found in tracks for one in found}) > 1
                events.append(("JobState", token, what, state, differ))
                self.shown[token] = state
        return events

    # ---- recordings --------------------------------------------------------------------------------

    def bad_target(self, target, tracks, keys, token=None):
        """Faults that a target deserves."""
        found = set()
        if target is None:
            return found
        others = [held["target"] for name, held in self.recordings.items() if name != token]
        if any(other is not None and other["prefix"] == target["prefix"] for other in others):
            found.add("BadConfiguration")
        if target["format"] not in ("MP4", "CMAF") or target["segment"] <= 0 or target["storage"] != "s3":
            found.add("BadConfiguration")
        kinds = list(tracks.values())
        if target["format"] == "CMAF" and len(kinds) != len(set(kinds)):
            found.add("BadConfiguration")
        entries = target["entries"]
        if any(entry["kind"] == "both" for entry in entries):
            found.add("AmbiguousConfiguration")
        listed = [track for entry in entries for track in entry["tracks"]]
        given = {}
        for entry in entries:
            if entry["kind"] == "key":
                given.setdefault(entry["kid"], set()).add(entry["key"] or keys.get(entry["kid"]))
        if (
            len(entries) > 2
            or (len(entries) > 1 and any(not entry["tracks"] for entry in entries))
            or len(listed) != len(set(listed))
            or any(track not in tracks for track in listed)
            or any(len(held) > 1 or None in held for held in given.values())
        ):
            found.add("BadConfiguration")
        return found

    def keys_after(self, target, keys):
        entries = target["entries"] if target else []
        return {e["kid"]: e["key"] or keys[e["kid"]] for e in entries if e["kind"] == "key"}

    def create_recording(self, content, target):
        tracks = {"VIDEO001": "Video", "AUDIO001": "Audio", "META001": "Metadata"}
        faults = self.bad_target(target, tracks, {})
        if len(self.recordings) >= RECORDINGS:
            faults.add("MaxRecordings")

        def done(token):
            assert token not in self.recordings
            self.recordings[token] = {
                "content": content,
                "target": target,
                "tracks": dict(tracks),
                "descriptions": dict.fromkeys(tracks, ""),
                "keys": self.keys_after(target, {}),
                "doomed": False,
            }
            return [("CreateRecording", token), *(("CreateTrack", token, track) for track in tracks)]

        return faults, done

    def set_recording(self, token, content, target):
        held = self.recordings.get(token)
        faults = {"NoRecording"} if held is None else self.bad_target(target, held["tracks"], held["keys"], token)

        def done(_):
            held["keys"] = self.keys_after(target, held["keys"])
            held["content"], held["target"] = content, target
            self.overrides.pop(token, None)
            return [("RecordingConfiguration", token)]

        return faults, done

    def remove(self, token):
        held = self.recordings.pop(token)
        self.overrides.pop(token, None)
        for job in self.of(token):
            self.drop_job(job)
        events = [("DeleteTrack", token, track) for track in held["tracks"]]
        self.purged += [(token, track) for track in held["tracks"]]
        return [*events, ("DeleteRecording", token)]

    def delete_recording(self, token):
        def done(_):
            if any(token in scope for scope in self.exports.values()):
                self.recordings[token]["doomed"] = True
                return []
            return self.remove(token)

        return set() if token in self.recordings else {"NoRecording"}, done

    def override(self, token, duration, expiration):
        held = self.recordings.get(token)
        faults = {"NoRecording"} if held is None else set()
        if duration <= 0 or not 0 < expiration <= 3600:
            faults.add("BadDuration")
        if held and held["target"] is None:
            faults.add("BadConfiguration")
        elif held and duration >= held["target"]["segment"]:
            faults.add("BadDuration")

        def done(_):
            self.overrides[token] = (duration, self.now + timedelta(seconds=expiration))
            return [("RecordingConfiguration", token)]

        return faults, done

    # ---- tracks ------------------------------------------------------------------------------------

    def spare(self, token):
        held = self.recordings[token]
        kinds = list(held["tracks"].values())
        most = {"Video": VIDEO, "Audio": 4, "Metadata": 4}
        if held["target"] and held["target"]["format"] == "CMAF":
            most = dict.fromkeys(most, 1)
        total = TRACKS - len(kinds)
        return {kind: min(total, max(0, limit - kinds.count(kind))) for kind, limit in most.items()}

    def create_track(self, token, kind):
        faults = set() if token in self.recordings else {"NoRecording"}
        if kind not in TYPES.values():
            faults.add("BadConfiguration")
        elif not faults and self.spare(token)[kind] == 0:
            faults.add("MaxTracks")

        def done(track):
            held = self.recordings[token]
            assert track not in held["tracks"]
            held["tracks"][track], held["descriptions"][track] = kind, ""
            return [("CreateTrack", token, track)]

        return faults, done

    def no_track(self, token, track):
        if token not in self.recordings:
            return {"NoRecording"}
        return set() if track in self.recordings[token]["tracks"] else {"NoTrack"}

    def set_track(self, token, track, description):
        def done(_):
            self.recordings[token]["descriptions"][track] = description
            return [("TrackConfiguration", token, track)]

        return self.no_track(token, track), done

    def delete_track(self, token, track):
        def done(_):
            held = self.recordings[token]
            del held["tracks"][track], held["descriptions"][track]
            self.purged.append((token, track))
            events = [("DeleteTrack", token, track)]
            target = held["target"]
            if target and any(track in entry["tracks"] for entry in target["entries"]):
                left = []
                for entry in target["entries"]:
                    tracks = [one for one in entry["tracks"] if one != track]
                    if tracks or not entry["tracks"]:
                        left.append(entry | {"tracks": tracks})
                held["target"] = target | {"entries": left}
                used = {entry["kid"] for entry in left if entry["kind"] == "key"}
                held["keys"] = {kid: key for kid, key in held["keys"].items() if kid in used}
                self.overrides.pop(token, None)
                events.append(("RecordingConfiguration", token))
            for job in self.of(token):
                sources = self.jobs[job]["sources"]
                if any(track in tracks for _, tracks in sources):
                    self.jobs[job]["sources"] = [(ref, [t for t in tracks if t != track]) for ref, tracks in sources]
                    events.append(("RecordingJobConfiguration", job))
            return events

        return self.no_track(token, track), done

    # ---- jobs --------------------------------------------------------------------------------------

    def bad_job(self, job, letting_go=None):
        faults = set()
        if job["recording"] not in self.recordings:
            return {"NoRecording"}
        tracks = self.recordings[job["recording"]]["tracks"]
        fed = [track for _, found in job["sources"] for track in found]
        references = [reference for reference, _ in job["sources"]]
        if (
            job["mode"] not in ("Idle", "Active")
            or job["priority"] < 0
            or not job["sources"]
            or None in references
            or any(r not in ("prof1", "auto") and r not in self.receivers for r in references if r)
            or any(track not in tracks for track in fed)
            or len(fed) != len(set(fed))
        ):
            faults.add("BadConfiguration")
        kept = {r for token, other in self.jobs.items() if token != letting_go for r, _ in other["sources"]} | set(
            references
        )
        left = [r for r, automatic in self.receivers.items() if letting_go is None or not automatic or r in kept]
        if len(left) + references.count("auto") > RECEIVERS:
            faults.add("MaxReceivers")
        return faults

    def adopt(self, job, answer, old=None):
        """The job as it takes effect, with the references that the answer gave to new receivers.

        A new one without tracks gets all; one that is set has those that are asked for.
        """
        sources = []
        for (reference, tracks), given in zip(job["sources"], answer.source, strict=True):
            token = given.source_token.token
            if reference == "auto":
                assert token not in self.receivers
                self.receivers[token] = True
            else:
                assert token == reference
            sources.append((token, list(tracks)))
        if old is None and not any(tracks for _, tracks in sources):
            counts = {}
            for track, kind in self.recordings[job["recording"]]["tracks"].items():
                number = counts[kind] = counts.get(kind, -1) + 1
                sources[min(number, len(sources) - 1)][1].append(track)
        return job | {"sources": sources}

    def orphans(self):
        used = {r for job in self.jobs.values() for r, _ in job["sources"]}
        for token in [t for t, automatic in self.receivers.items() if automatic and t not in used]:
            del self.receivers[token]

    def drop_job(self, token):
        del self.jobs[token]
        self.orphans()

    def create_job(self, job):
        faults = self.bad_job(job)
        if len(self.jobs) >= JOBS or len(self.of(job["recording"])) >= JOBS_EACH:
            faults.add("MaxRecordingJobs")

        def done(answer):
            assert answer.job_token not in self.jobs
            made = self.adopt(job, answer.job_configuration)
            self.activations += 1
            made |= {"activation": self.activations, "since": len(self.history), "held": set()}
            if made["filter"]:
                made["held"] = {k for k in self.conditions() if k.startswith(made["filter"]["topic"])}
            self.jobs[answer.job_token] = made
            return []

        return faults, done

    def set_job(self, token, job):
        held = self.jobs.get(token)
        if held is None:
            return {"NoRecordingJob"}, None
        faults = self.bad_job(job, token)
        if job["recording"] != held["recording"]:
            faults = {"BadConfiguration"}

        def done(answer):
            self.jobs[token] = held | {"sources": [(r, t) for r, t in job["sources"] if r != "auto"]}
            self.orphans()
            made = held | self.adopt(job, answer, held)
            if made["filter"] != held["filter"]:
                made |= {"since": len(self.history), "held": set()}
                if made["filter"]:
                    made["held"] = {k for k in self.conditions() if k.startswith(made["filter"]["topic"])}
            if held["mode"] == "Idle" and job["mode"] == "Active":
                self.activations += 1
                made["activation"] = self.activations
            self.jobs[token] = made
            return [("RecordingJobConfiguration", token)]

        return faults, done

    def set_mode(self, token, mode):
        faults = set() if token in self.jobs else {"NoRecordingJob"}
        if mode not in ("Idle", "Active"):
            faults.add("BadMode")

        def done(_):
            if self.jobs[token]["mode"] == "Idle" and mode == "Active":
                self.activations += 1
                self.jobs[token]["activation"] = self.activations
            self.jobs[token]["mode"] = mode
            return [("RecordingJobConfiguration", token)]

        return faults, done

    def delete_job(self, token):
        def done(_):
            self.drop_job(token)
            return []

        return set() if token in self.jobs else {"NoRecordingJob"}, done

    # ---- exports and time --------------------------------------------------------------------------

    def end_export(self, token):
        del self.exports[token]
        return self.doomed()

    def alive(self):
        return {token for token, held in self.recordings.items() if not held["doomed"]}

    def doomed(self):
        events = []
        for token in [t for t, held in self.recordings.items() if held["doomed"]]:
            if not any(token in scope for scope in self.exports.values()):
                events += self.remove(token)
        return events

    def expired(self):
        over = [token for token, (_, until) in self.overrides.items() if until <= self.now]
        for token in over:
            del self.overrides[token]
        return [("RecordingConfiguration", token) for token in over]
