"""Films: a job for each frame, which follows the frame before it, so that the painting moves with what is shown.

    film         `Film` as data: a job, which part of the film is painted, and how closely frames follow each other
    decoding     decodes a film file, around what is damaged
    container    a film file: its stream, its frames as pictures, its beginning
    video        the frames of a film file that are to be painted, and their times
    optical_flow from one frame to another, where it can be trusted, and a frame moved along it
    motion       what a frame starts from: painted frames, moved along the optical flow
    strokes      images without their strokes, and masks with soft edges
    faces        the mask of the faces in a frame and the frames around it
    frames       the folder of the painted frames, from which an interrupted film continues
    encoding     writes a film file from painted frames, with the sound of the original
    formats      kinds of film files by their first bytes
    extra        the libraries of the extra `film`
    workload     how much of the work is done, and how long it takes
    session      `FilmSession`, which carries a film out and yields events

It may import `jobs` and the packages below it.
"""
