"""A device that is going to be killed: records, works through operations, and tells of each once it is acknowledged.

``python device_victim.py FOLDER START SEED``; lines on standard output are JSON.
"""

import json
import random
import sys
import time
from dataclasses import replace
from pathlib import Path

from device_kit import configuration, fast_device, job

from onvif_bmff.storage import DirectoryStore
from onvif_bmff.storage.sqlite import SqlitePersistence
from onvif_bmff.timing import UtcTime

CAMERAS = 3


def tell(**what):
    print(json.dumps(what), flush=True)


def main(folder, start, seed):
    choose = random.Random(seed)
    device = fast_device(
        {"s3": DirectoryStore(folder / "bucket", fsync=False)},
        persistence=SqlitePersistence(folder / "control.db"),
        start=UtcTime.parse(start),
    )
    device.start()
    service = device.service
    known = {item.configuration.source.name: item for item in service.get_recordings()}
    for number in range(CAMERAS):
        name = f"camera{number}"
        if name not in known:
            made = configuration(name, kind="MP4" if number == 2 else "CMAF", seconds=6)
            token = service.create_recording(replace(made, source=replace(made.source, name=name)))
            service.create_recording_job(job(token))
    device.wait_recovered(30)
    tell(ready=True)
    count, extras = 0, [item.recording_token for item in service.get_recordings() if not item.configuration.source.name]
    while True:
        count += 1
        action = choose.choice(["note", "create", "delete"])
        if action == "note" or (action == "delete" and not extras):
            item = choose.choice([i for i in service.get_recordings() if i.configuration.source.name])
            tell(begin="note", token=item.recording_token, content=str(count))
            service.set_recording_configuration(item.recording_token, replace(item.configuration, content=str(count)))
            tell(done="note", token=item.recording_token, content=str(count))
        elif action == "create":
            tell(begin="create", content=f"extra {count}")
            token = service.create_recording(replace(configuration(f"extra{count}"), content=f"extra {count}"))
            extras.append(token)
            tell(done="create", token=token, content=f"extra {count}")
            if len(extras) > 20:
                extras = extras[-20:]
        else:
            token = extras.pop(0)
            tell(begin="delete", token=token)
            service.delete_recording(token)
            tell(done="delete", token=token)
        time.sleep(choose.random() * 0.02)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
