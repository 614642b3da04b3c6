"""Jobs: a picture to paint as data, and the sessions that carry a job out.

    job         a picture to paint: sources, settings, runtime, files; to and from JSON
    session     carries a job out, yields events, saves the picture however the job ends
    events      the records that a session yields: plan, progress, preview, remark, saved, ended
    notes       what impasto writes in the metadata of a picture
    sources     opens the files that a job reads
    outputs     names and checks the files that a job writes
    saving      writes them while the run paints, and when it ends
    sheets      labeled sheets of many pictures, painted one after another

It knows no terminal, no browser and no cluster, prints nothing, and ends no process; the command does that. It may
import `recipes`, `reports`, `transfer` and the packages below them.
"""
