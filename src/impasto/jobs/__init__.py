"""Jobs: what to paint and where the picture goes, as data, and what carries it out.

    job         a picture to paint: sources, settings, runtime, files; to and from JSON
    session     carries a job out, yields events, saves whatever happens
    events      what a session says: plan, progress, preview, remark, saved, ended
    sheets      labeled sheets of many pictures, painted one after another

It knows no terminal, no browser and no cluster, prints nothing, and ends no process: faces do. It may import `recipes`,
`reports`, `transfer` and what is below.
"""
