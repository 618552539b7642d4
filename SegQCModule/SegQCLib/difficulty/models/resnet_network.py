"""The layers of the paper's ResNet.

Fournel et al. say "a 62-layer ResNet with bottleneck residual structure" with Mish activations, and no more. Filled in
here: 1 convolution at the entry, 20 bottleneck blocks of 3 convolutions and 1 linear layer make 62; the projections on
the shortcuts are not counted, as in He et al. The blocks stand in stages of 3, 4, 10 and 3: He et al. too make their
network of 50 layers (3, 4, 6, 3) deeper in the third stage only (3, 4, 23, 3 for 101 layers).

References
----------
Fournel et al., Difficulty estimation for image-specific medical image segmentation quality control.
He et al., Deep residual learning for image recognition, CVPR 2016.
Misra, Mish: a self-regularized non-monotonic neural activation function, 2019.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

BLOCKS = (3, 4, 10, 3)
EXPANSION = 4


def build_network(channels: int, width: int) -> torch.nn.Module:
    """Return the untrained network.

    Parameters
    ----------
    channels : int
        Of the input.
    width : int
        Channels after the entry; the bottlenecks of the four stages have 1, 2, 4 and 8 times as many.

    Returns
    -------
    torch.nn.Module
        From (n, channel, side, side), side 32 or more, to (n,): the logit of the Dice, so that its sigmoid is the Dice.
    """
    import torch
    from torch import nn

    class Bottleneck(nn.Module):
        def __init__(self, inward: int, narrow: int, stride: int) -> None:
            super().__init__()
            outward = narrow * EXPANSION
            self.residual = nn.Sequential(
                nn.Conv2d(inward, narrow, 1, bias=False),
                nn.BatchNorm2d(narrow),
                nn.Mish(),
                nn.Conv2d(narrow, narrow, 3, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(narrow),
                nn.Mish(),
                nn.Conv2d(narrow, outward, 1, bias=False),
                nn.BatchNorm2d(outward),
            )
            # Each block starts as its shortcut: 62 layers then train from the first step.
            nn.init.zeros_(self.residual[-1].weight)
            self.shortcut = nn.Identity()
            if stride != 1 or inward != outward:
                self.shortcut = nn.Sequential(nn.Conv2d(inward, outward, 1, stride=stride, bias=False), nn.BatchNorm2d(outward))
            self.activation = nn.Mish()

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            return self.activation(self.shortcut(features) + self.residual(features))

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            # Of the training slices: every channel reaches the entry with mean 0 and standard deviation 1.
            self.register_buffer("input_mean", torch.zeros(channels, 1, 1))
            self.register_buffer("input_sd", torch.ones(channels, 1, 1))
            self.entry = nn.Sequential(
                nn.Conv2d(channels, width, 7, stride=2, padding=3, bias=False),
                nn.BatchNorm2d(width),
                nn.Mish(),
                nn.MaxPool2d(3, stride=2, padding=1),
            )
            inward = width
            blocks = []
            for stage, count in enumerate(BLOCKS):
                narrow = width * 2**stage
                for number in range(count):
                    blocks.append(Bottleneck(inward, narrow, stride=2 if stage > 0 and number == 0 else 1))
                    inward = narrow * EXPANSION
            self.blocks = nn.Sequential(*blocks)
            self.pool = nn.AdaptiveAvgPool2d(1)
            self.linear = nn.Linear(inward, 1)

        def forward(self, slices: torch.Tensor) -> torch.Tensor:
            features = self.blocks(self.entry((slices - self.input_mean) / self.input_sd))
            return self.linear(self.pool(features).flatten(1))[:, 0]

    return Network()
