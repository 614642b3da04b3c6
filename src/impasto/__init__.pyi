# What `impasto` exports. lazy_loader reads these lines and imports a name when it is asked for.

from .batch.many import paint_many as paint_many
from .batch.outcome import Outcome as Outcome
from .errors import (
    CheckpointError as CheckpointError,
    DownloadError as DownloadError,
    ImpastoError as ImpastoError,
    InputError as InputError,
    LossError as LossError,
    OtherRunError as OtherRunError,
    OutOfMemoryError as OutOfMemoryError,
    PictureError as PictureError,
    RunError as RunError,
    SettingsError as SettingsError,
    SpaceError as SpaceError,
    WeightsError as WeightsError,
    WriteError as WriteError,
)
from .film.film import Film as Film
from .film.session import FilmSession as FilmSession
from .images import Picture as Picture
from .images.faces import find_faces as find_faces
from .images.masks import Mask as Mask
from .interactive.one_call import stylize as stylize
from .jobs.job import (
    Job as Job,
    StyleSource as StyleSource,
)
from .jobs.session import Session as Session
from .losses import (
    AutogradLoss as AutogradLoss,
    ContentLoss as ContentLoss,
    Loss as Loss,
    NinePointTotalVariationLoss as NinePointTotalVariationLoss,
    RangeLoss as RangeLoss,
    Statistic as Statistic,
    StyleLoss as StyleLoss,
    TotalVariationLoss as TotalVariationLoss,
    Units as Units,
    content_loss as content_loss,
    gram as gram,
    style_loss as style_loss,
)
from .machine.environment import tune_process as tune_process
from .network.vgg import VGG19 as VGG19
from .network.weights import (
    Weights as Weights,
    load_weights as load_weights,
)
from .planning.plan import Plan as Plan
from .settings import (
    Runtime as Runtime,
    Settings as Settings,
)
from .transfer.loss_chart import plot_losses as plot_losses
from .transfer.progress import Progress as Progress
from .transfer.result import Result as Result
from .transfer.run import Run as Run
from .transfer.style_transfer import StyleTransfer as StyleTransfer
from .transfer.styles import Style as Style

__version__: str
