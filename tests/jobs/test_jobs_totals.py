"""Sums of a bucket are those of its timeline, however the places are split, and whoever reads."""

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from jobs_kit import damaged_objects, directory, memory, whole_objects

from onvif_bmff.cli.main import main
from onvif_bmff.jobs import Workers, bucket_totals, read_inventory
from onvif_bmff.playback import Timeline


def expected_of(timeline):
    found = {}
    for span in timeline.spans:
        kind = span.prefix, span.postfix, span.extension
        sums = found.setdefault(kind, {"spans": 0, "segments": 0, "open_spans": 0, "lost": 0, "gaps": 0})
        sums["spans"] += 1
        sums["segments"] += len(span.segments)
        sums["open_spans"] += span.end_name is None
        sums["lost"] += sum(one.count for one in span.lost() if not one.trimmed)
    for gap in timeline.gaps():
        found[gap.before.prefix, gap.before.postfix, gap.before.extension]["gaps"] += 1
    return found


def sums_of(totals):
    names = ("spans", "segments", "open_spans", "lost", "gaps")
    return {
        (one.prefix, one.postfix, one.extension): {name: getattr(one, name) for name in names} for one in totals.places
    }


@pytest.mark.parametrize("parts", [1, 3, 64])
@pytest.mark.parametrize("seed", range(4))
def test_the_sums_are_those_of_the_timeline(seed, parts):
    store = memory(damaged_objects(seed))
    timeline = Timeline.from_store(store)
    totals = bucket_totals(store, parts=parts)
    assert sums_of(totals) == expected_of(timeline)
    assert list(sums_of(totals)) == sorted(sums_of(totals))
    assert (totals.objects, totals.foreign) == (timeline.objects, timeline.foreign)
    assert (totals.duplicates, totals.orphan_ends) == (timeline.duplicates, timeline.orphan_ends)
    with ThreadPoolExecutor(3) as pool:
        assert bucket_totals(store, parts=parts, workers=Workers(pool, 3)) == totals
    first = totals.places[0]
    spans = timeline.of(first.extension, prefix=first.prefix, postfix=first.postfix)
    assert first.start == spans[0].start
    assert first.last_start == max(span.last_start for span in spans)


@pytest.mark.parametrize("prefix", ["site", "copy", ""])
def test_one_prefix(prefix):
    store = memory(damaged_objects(1))
    found = sums_of(bucket_totals(store, prefix=prefix))
    assert found == expected_of(Timeline.from_store(store, prefix=prefix))


def test_of_an_inventory_and_on_the_command_line(tmp_path, capsys):
    names = list(whole_objects())
    Random(2).shuffle(names)
    out = io.StringIO()
    csv.writer(out).writerows([["key"], *([name] for name in names)])
    path = tmp_path / "keys.csv"
    path.write_text(out.getvalue() + '"half\n')
    directory(tmp_path / "store", whole_objects())
    listed = bucket_totals(memory(whole_objects()))
    totals = bucket_totals(memory({}), inventories=[read_inventory(path)])
    assert totals.places == listed.places
    assert (totals.counts.keys, totals.counts.damaged) == (len(names), 1)
    arguments = ["timeline", str(tmp_path / "store"), "--totals"]
    assert main([*arguments, "--json"]) == 0
    shown = capsys.readouterr().out
    assert json.loads(shown)["schema"] == "onvif-bmff/totals/1"
    assert json.loads(shown)["places"] == [one.to_json() for one in listed.places]
    assert main([*arguments, "--json", "--workers", "2", "--inventory", str(path)]) == 0
    assert json.loads(capsys.readouterr().out)["places"] == json.loads(shown)["places"]
    assert main(arguments) == 0
    assert f"{sum(one.segments for one in listed.places)} segments" in capsys.readouterr().out
    assert main([*arguments, "--from", "2022-11-08T00:00:00Z"]) == 2
