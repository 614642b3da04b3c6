"""The studio: a page in the browser and its HTTP API, over a queue of jobs that a process of its own paints.

    server      starts uvicorn on a folder and an address
    app         the routes of the page, and the answers to requests that fail
    routes      the routes of the API
    bodies      what requests hold: JSON, files, forms
    security    hosts, origins, the token, the limit of a request's bytes, headers
    studio      all jobs: how they are ordered, changed, deleted and restored
    larger      larger pictures and prints, which continue from one that is painted
    queue       the jobs that wait, and the workers that paint them
    uploads     the pictures and films that are uploaded, and the process that opens them
    entry       one job: its state, its log of events, its files
    order       what is asked for, as JSON: a job whose files are uploads
    record      the record of what a job has painted, from which it continues
    results     results of `impasto batch`, which become jobs of the studio
    store       the folder of the studio: uploads, jobs, space
    files       JSON and text files that appear whole, and zip files
    form        the options as data, of which the page makes its form
    child       a process that takes and gives lines of JSON
    worker      such a process: it paints pictures and films
    reader      such a process: it opens what was uploaded
    pages/      HTML, CSS and ES modules, as the browser gets them

The process that serves never loads torch, never opens a picture and never computes. All state is in files, so that a
reload, a restart or a process that was killed loses nothing. It may import `batch`, `film` and the packages below them.
"""
