"""Models of torchvision, each narrow and shallow, on small images, with random weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn
from torchvision import models
from torchvision.models import detection, segmentation, video
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.efficientnet import FusedMBConvConfig, MBConvConfig
from torchvision.models.mobilenetv3 import InvertedResidualConfig
from torchvision.models.regnet import BlockParams
from torchvision.models.resnet import BasicBlock, Bottleneck
from torchvision.models.swin_transformer import PatchMergingV2, SwinTransformerBlockV2
from torchvision.models.video.mvit import MSBlockConfig
from torchvision.models.video.resnet import BasicBlock as VideoBlock
from torchvision.models.video.resnet import BasicStem, Conv2Plus1D, Conv3DNoTemporal, Conv3DSimple, R2Plus1dStem

from tests.coverage.models import Build


def real(*shape: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def on(size: int, make: Callable[..., Any], *args: Any, **options: Any) -> Build:
    """A model on an image."""
    return lambda: (make(*args, **options), (real(1, 3, size, size),))


def clip(make: Callable[..., Any], *args: Any, frames: int = 4, size: int = 16, **options: Any) -> Build:
    """A model on a clip."""
    return lambda: (make(*args, **options), (real(1, 3, frames, size, size),))


def head(inputs: int) -> nn.Module:
    """A smaller head than the original, of the same layers."""
    return nn.Sequential(nn.Dropout(), nn.Linear(inputs, 12), nn.ReLU(True), nn.Dropout(), nn.Linear(12, 12), nn.ReLU(True), nn.Linear(12, 5))


def alexnet() -> nn.Module:
    model = models.AlexNet(5)
    model.classifier = head(256 * 36)
    return model


def vgg(norm: bool) -> nn.Module:
    parts: list[Any] = [6, 6, "M", 8, 8, 8, "M", 8, 8, 8, "M"]
    model = models.VGG(models.vgg.make_layers(parts, batch_norm=norm), 5)
    model.classifier = head(8 * 49)
    return model


def mvit(v2: bool) -> nn.Module:
    blocks = [
        MSBlockConfig(1, 8, 8, [3, 3, 3], [3, 3, 3], [1, 1, 1], [1, 2, 2]), MSBlockConfig(2, 8, 16, [3, 3, 3], [3, 3, 3], [1, 2, 2], [1, 1, 1]),
        *(MSBlockConfig(2, 16, 16, [3, 3, 3], [3, 3, 3], [1, 1, 1], [1, 1, 1]) for _ in range(2)),
    ]  # fmt: skip
    own = {"residual_pool": True, "residual_with_cls_embed": False, "rel_pos_embed": True, "proj_after_attn": True} if v2 else {"residual_pool": False, "residual_with_cls_embed": True, "rel_pos_embed": False, "proj_after_attn": False}
    return models.video.MViT((16, 16), 4, blocks, num_classes=5, stochastic_depth_prob=0.0, dropout=0.0, patch_embed_kernel=(3, 3, 3), patch_embed_stride=(2, 2, 2), patch_embed_padding=(1, 1, 1), **own)


def s3d() -> nn.Module:
    model = video.S3D(5)
    model.avgpool = nn.AvgPool3d((2, 1, 1))
    return model


def dilated() -> nn.Module:
    return models.ResNet(Bottleneck, [1, 2, 2, 2], 5, width_per_group=8, replace_stride_with_dilation=[False, True, True])


def parts_of(network: nn.Module, *names: str) -> nn.Module:
    return IntermediateLayerGetter(network, {name: "out" if k == 0 else "aux" for k, name in enumerate(names)})


def deeplab() -> nn.Module:
    return segmentation.DeepLabV3(parts_of(dilated(), "layer4", "layer3"), segmentation.deeplabv3.DeepLabHead(2048, 5, [2, 3, 4]), segmentation.fcn.FCNHead(1024, 5))


def lraspp() -> nn.Module:
    """LR-ASPP on three blocks of MobileNet V3."""
    features = mobilenet_v3().features
    backbone = IntermediateLayerGetter(features, {"1": "low", str(len(features) - 1): "high"})
    return segmentation.LRASPP(backbone, 8, 96, 5, inter_channels=8)


def mobilenet_v3() -> nn.Module:
    setting = partial(InvertedResidualConfig, width_mult=1.0)
    blocks = [setting(8, 3, 8, 8, True, "RE", 1, 1), setting(8, 3, 16, 16, False, "RE", 2, 1), *(setting(16, 5, 32, 16, True, "HS", 1, 1) for _ in range(3))]
    return models.MobileNetV3(blocks, 24, 5)


def efficientnet(second: bool) -> nn.Module:
    kind = FusedMBConvConfig if second else partial(MBConvConfig, width_mult=1.0, depth_mult=1.0)
    blocks = [kind(1, 3, 1, 8, 8, 2), kind(4, 3, 2, 8, 8, 3), MBConvConfig(4, 5, 2, 8, 16, 3, width_mult=1.0, depth_mult=1.0)]
    return models.EfficientNet(blocks, 0.2, 0.0, 5, last_channel=16)


class Pyramid(nn.Module):
    """A feature pyramid of a small ResNet, and a head on its levels."""

    def __init__(self, make_head: Callable[[], nn.Module] | None = None, width: int = 8):
        super().__init__()
        stages = {f"layer{k}": str(k) for k in (2, 3, 4)}
        self.backbone = BackboneWithFPN(models.ResNet(BasicBlock, [2, 2, 2, 2], 5), stages, [128, 256, 512], width)
        self.head = make_head() if make_head else None

    def forward(self, image: torch.Tensor) -> Any:
        levels = list(self.backbone(image).values())
        return tuple(levels) if self.head is None else self.head(levels)


class OnBoxes(nn.Module):
    """The heads of Faster, Mask and Keypoint R-CNN, on features of two boxes."""

    def __init__(self, *parts: nn.Module):
        super().__init__()
        self.parts = nn.Sequential(*parts)

    def forward(self, features: torch.Tensor) -> Any:
        return self.parts(features)


def boxes(size: int, *parts: Callable[[], nn.Module]) -> Build:
    return lambda: (OnBoxes(*(part() for part in parts)), (real(2, 8, size, size),))


def ssd() -> nn.Module:
    from torchvision.models.detection.ssd import SSDHead

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.ModuleList([nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 2, 1)])
            self.head = SSDHead([8, 8], [4, 6], 5)

        def forward(self, image: torch.Tensor) -> Any:
            first = self.features[1](self.features[0](image).relu())
            return self.head([first, self.features[2](first.relu())])

    return Net()


MODELS: dict[str, Build] = {
    "AlexNet": on(64, alexnet), "VGG": on(32, vgg, False), "VGG with norms": on(32, vgg, True),
    "ConvNeXt": on(32, models.ConvNeXt, [CNBlockConfig(8, 12, 3), CNBlockConfig(12, None, 3)], num_classes=5),
    "DenseNet": on(32, models.DenseNet, 4, (3, 3), 8, 2, 0, 5), "EfficientNet": on(32, efficientnet, False), "EfficientNet V2": on(32, efficientnet, True),
    "GoogLeNet": on(32, models.GoogLeNet, 5, aux_logits=False, init_weights=False), "Inception V3": on(75, models.Inception3, 5, aux_logits=False, init_weights=False),
    "MaxViT": on(32, models.MaxVit, (32, 32), 8, 2, [8, 16], [2, 2], 4, 0.0, num_classes=5), "MNASNet": on(32, models.MNASNet, 0.25, 5),
    "MobileNet V2": on(32, models.MobileNetV2, 5, 0.25), "MobileNet V3": on(32, mobilenet_v3),
    "RegNet": on(32, lambda: models.RegNet(BlockParams.from_init_params(6, 8, 8.0, 2.0, 4, se_ratio=0.25), 5)),
    "ResNet": on(32, models.ResNet, BasicBlock, [3, 3, 3, 3], 5), "ResNet, bottlenecks": on(32, models.ResNet, Bottleneck, [3, 3, 3, 3], 5, width_per_group=8),
    "ResNeXt": on(32, models.ResNet, Bottleneck, [3, 3, 2, 2], 5, groups=4, width_per_group=4), "Wide ResNet": on(32, models.ResNet, Bottleneck, [2, 2, 1, 1], 5, width_per_group=128),
    "ShuffleNet V2": on(32, models.ShuffleNetV2, [3, 4, 3], [8, 8, 16, 32, 32], 5), "SqueezeNet": on(64, models.SqueezeNet, "1_1", 5),
    "Swin": on(32, models.SwinTransformer, [4, 4], 8, [2, 4], [2, 2], [4, 4], stochastic_depth_prob=0.0, num_classes=5),
    "Swin V2": on(32, models.SwinTransformer, [4, 4], 8, [2, 4], [2, 2], [4, 4], stochastic_depth_prob=0.0, num_classes=5, block=SwinTransformerBlockV2, downsample_layer=PatchMergingV2),
    "ViT": on(32, models.VisionTransformer, 32, 8, 4, 2, 16, 24, num_classes=5),
    "FCN": on(32, lambda: segmentation.FCN(parts_of(dilated(), "layer4"), segmentation.fcn.FCNHead(2048, 5))), "DeepLab V3": on(32, deeplab), "LR-ASPP": on(32, lraspp),
    "R3D": clip(lambda: video.VideoResNet(VideoBlock, [Conv3DSimple] * 4, [2, 2, 1, 1], BasicStem, 5)), "MC3": clip(lambda: video.VideoResNet(VideoBlock, [Conv3DSimple, *[Conv3DNoTemporal] * 3], [2, 2, 1, 1], BasicStem, 5)),
    "R(2+1)D": clip(lambda: video.VideoResNet(VideoBlock, [Conv2Plus1D] * 4, [2, 2, 1, 1], R2Plus1dStem, 5)), "S3D": clip(s3d, frames=16, size=32), "MViT": clip(mvit, False), "MViT V2": clip(mvit, True),
    "Video Swin": clip(video.SwinTransformer3d, [2, 4, 4], 8, [2, 2], [2, 2], [2, 2, 2], stochastic_depth_prob=0.0, num_classes=5),
    "feature pyramid": on(64, Pyramid), "RPN head": on(64, Pyramid, lambda: detection.rpn.RPNHead(8, 3)), "RetinaNet head": on(64, Pyramid, lambda: detection.retinanet.RetinaNetHead(8, 3, 5)),
    "FCOS head": on(128, Pyramid, lambda: detection.fcos.FCOSHead(32, 3, 5, 2), 32), "SSD head": on(32, ssd),
    "Faster R-CNN head": boxes(3, lambda: detection.faster_rcnn.TwoMLPHead(72, 16), lambda: detection.faster_rcnn.FastRCNNPredictor(16, 5)),
    "Mask R-CNN head": boxes(6, lambda: detection.mask_rcnn.MaskRCNNHeads(8, (8, 8, 8), 1), lambda: detection.mask_rcnn.MaskRCNNPredictor(8, 8, 5)),
    "Keypoint R-CNN head": boxes(6, lambda: detection.keypoint_rcnn.KeypointRCNNHeads(8, (8, 8, 8)), lambda: detection.keypoint_rcnn.KeypointRCNNPredictor(8, 4)),
}  # fmt: skip
REFUSED: dict[str, str] = {}
