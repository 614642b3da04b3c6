"""Film files for tests: a patch of seeded noise that moves over a smooth background."""

from fractions import Fraction

import av
import numpy as np
import torch


def smooth(height, width, seed=0, cells=12):
    """Return smooth seeded noise, uint8, (height, width, 3)."""
    noise = torch.rand(1, 3, cells, cells, generator=torch.Generator().manual_seed(seed))
    large = torch.nn.functional.interpolate(noise, (height, width), mode="bicubic", align_corners=False)
    return (255 * large[0].clamp(0, 1)).byte().permute(1, 2, 0).numpy()


def moving(count, width=96, height=64, step=2, seed=0):
    """Return frames of a camera that moves to the right by `step` pixels a frame, each (height, width, 3)."""
    wide = smooth(height, width + step * count, seed, cells=24)
    return [np.ascontiguousarray(wide[:, step * n : step * n + width]) for n in range(count)]


def write(path, frames, rate=10, sound=False, turned=0, codec="libx264", times=None, options=None, **colors):
    """Write frames as a film, with a tone if there is to be sound.

    Args:
        path: The file.
        frames: uint8, each (H, W, 3).
        rate: Frames per second.
        sound: Whether there is a tone, as long as the frames.
        turned: Degrees counterclockwise by which a player turns the film.
        codec: The encoder.
        options: Those of the encoder; None: such that H.264 loses little.
        times: When each frame is shown, in thousandths of a second; None: at the rate.
        colors: What the stream says of its colors, by PyAV's names.

    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or ({"crf": "8"} if codec == "libx264" else {}))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv444p"  # so that each pixel has its own color
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for name, value in colors.items():
            setattr(stream.codec_context, name, value)
        if turned:
            stream.set_display_rotation(turned)
        tone = container.add_stream("aac", rate=8000, layout="mono") if sound else None
        space = "ITU709" if colors.get("colorspace") == 1 else "ITU601"
        for number, samples in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(samples, format="rgb24").reformat(format="yuv444p", dst_colorspace=space)
            frame.pts = number if times is None else times[number]
            frame.time_base = Fraction(1, rate if times is None else 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        for number in range(len(frames) * 8000 // rate // 1000 if tone else 0):
            indices = np.arange(1000 * number, 1000 * (number + 1))
            samples = (8000 * np.sin(indices / 4)).astype(np.float32)[None] / 32768
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 8000, 1000 * number
            container.mux(tone.encode(frame))
        if tone:
            container.mux(tone.encode())
    return path


def read(path):
    """Return the frames of a film, (N, H, W, 3), and when each is shown, in seconds."""
    with av.open(str(path)) as container:
        frames = [(frame.to_ndarray(format="rgb24"), frame.time) for frame in container.decode(video=0)]
    return np.stack([samples for samples, _ in frames]), [time for _, time in frames]


def heard(path):
    """Return the packets of sound of a film: when each is heard in seconds, and its bytes."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(audio=0) if packet.dts is not None]
        return [float(packet.pts * packet.time_base) for packet in packets], [bytes(packet) for packet in packets]
