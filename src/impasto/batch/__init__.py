"""Many pictures: which jobs there are, who paints them, and their outcomes.

    selection     the photographs that files, folders and globs name
    naming        patterns of names, and names that clash
    combination   photographs and paintings that make jobs: the product, pairs, blends
    manifest      jobs as lines of JSON
    ordering      jobs of the same paintings together
    outcome       the outcome of a job, and the totals of many
    result_log    outcomes as lines of JSON
    index         a page of HTML with all results
    forecast      how many, how long, how much memory
    painter       paints jobs one after another with what they share
    workers       the interface of workers, as the scheduler sees them
    local_workers the worker in this process
    ray_workers   workers that are actors of Ray; ray_actor, ray_cluster
    sending       files that travel to workers which do not see this machine's folders
    scheduler     gives jobs to workers, and takes their outcomes
    many          `paint_many`, the call that does everything

A job is one of `jobs.job`; nothing here knows a terminal or a page. It may import `jobs` and the packages below it.
"""
