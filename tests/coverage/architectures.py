"""Models of the package `transformers`, each from a small configuration with random weights: nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import transformers

from tests.coverage.models import Build

Inputs = Callable[[], tuple[tuple[Any, ...], dict[str, Any]]]

# what a configuration takes of these, it gets
SMALL: dict[str, Any] = {
    "hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 24, "vocab_size": 40, "head_dim": 8,
    "max_position_embeddings": 32, "num_key_value_heads": 1, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "embedding_size": 8,
    "image_size": 32, "patch_size": 8, "sliding_window": 3, "num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2,
    "moe_intermediate_size": 8, "shared_expert_intermediate_size": 8, "encoder_layers": 3, "decoder_layers": 3, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "d_model": 16, "state_size": 4, "num_labels": 3, "kv_channels": 8,
    "use_cache": False, "attn_implementation": "sdpa",
}  # fmt: skip
PER_STAGE = {"hidden_size", "num_hidden_layers", "num_attention_heads"}


def words(count: int = 6) -> torch.Tensor:
    return (torch.arange(2 * count).reshape(2, count) * 7 + 3) % 37 + 3


def mask(count: int = 6) -> torch.Tensor:
    """A mask that leaves out the last two words of the second sentence."""
    result = torch.ones(2, count, dtype=torch.int64)
    result[1, -2:] = 0
    return result


def real(*shape: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def text(count: int = 6) -> Inputs:
    return lambda: ((words(count),), {})


def masked(count: int = 6, **named: Any) -> Inputs:
    """Words and the mask of those to read, which is an input."""
    return lambda: ((words(count),), {"attention_mask": mask(count), **named})


def translated(count: int = 6) -> Inputs:
    return lambda: ((words(count),), {"attention_mask": mask(count), "decoder_input_ids": words(4)})


def values(*shape: int, **named: Any) -> Inputs:
    return lambda: ((real(*shape),), named)


def pixels(size: int = 32) -> Inputs:
    return values(1, 3, size, size)


def small(name: str, **own: Any) -> Any:
    """A small configuration of a class."""
    kind = getattr(transformers, f"{name}Config")
    known = {*kind().to_dict(), *kind.attribute_map} - (PER_STAGE if "depths" in own else set())
    taken = {key: value for key, value in SMALL.items() if key in known and kind.attribute_map.get(key) not in own}
    result = kind(**taken | {"use_cache": False} | own)
    result._experts_implementation = "batched_mm"  # PyTorch's grouped products do not take float64
    return result


def built(name: str, inputs: Inputs, model: str = "Model", config: Callable[[], Any] | None = None, **own: Any) -> Build:
    def build() -> tuple[Any, ...]:
        kind = getattr(transformers, name + model)
        return (kind(small(name, **own) if config is None else config()), *inputs())

    return build


WIDE = {"num_key_value_heads": 2}
CONVS = {"conv_dim": (8, 8), "conv_stride": (2, 2), "conv_kernel": (3, 3), "num_feat_extract_layers": 2, "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2}
STAGES = {"embed_dim": 8, "depths": [2, 2], "num_heads": [2, 2], "window_size": 4, "patch_size": 2, "image_size": 32}
DETECTION = {
    "use_timm_backbone": False, "use_pretrained_backbone": False, "num_queries": 5, "encoder_layers": 2, "decoder_layers": 2,
    "encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "d_model": 16, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
}  # fmt: skip


def resnet(stages: tuple[str, ...] = ("stage4",)) -> Any:
    sizes = [4, 6, 8, 10]
    return transformers.ResNetConfig(embedding_size=4, hidden_sizes=sizes, depths=[1, 2, 1, 1], layer_type="basic", out_features=[*stages])


def detection(name: str, stages: tuple[str, ...] = ("stage4",), **own: Any) -> Build:
    return built(name, pixels(64), "ForObjectDetection", lambda: small(name, backbone_config=resnet(stages), backbone=None, **{**DETECTION, **own}))


def clip(name: str, inputs: Inputs, **own: Any) -> Build:
    parts = {key: value for key, value in SMALL.items() if key in ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "projection_dim")}
    words_of = {"vocab_size": 40, "max_position_embeddings": 8, "eos_token_id": 39, "pad_token_id": 1, "bos_token_id": 0}
    return built(name, inputs, config=lambda: getattr(transformers, f"{name}Config")(
        text_config={**parts, **words_of}, vision_config={**parts, "image_size": 16, "patch_size": 8}, projection_dim=8, **own))  # fmt: skip


def both(count: int = 6, size: int = 16) -> Inputs:
    return lambda: ((), {"input_ids": words(count), "pixel_values": real(2, 3, size, size), "attention_mask": mask(count)})


DECODERS: dict[str, Build] = {
    "GPT-2": built("GPT2", masked(), "LMHeadModel"), "GPT-Neo": built("GPTNeo", masked(), attention_types=[[["global", "local"], 2]], num_layers=4, num_heads=2, window_size=3),
    "GPT-J": built("GPTJ", masked(), rotary_dim=4), "GPT-NeoX": built("GPTNeoX", masked()),
    "Llama": built("Llama", masked(), "ForCausalLM"), "Mistral": built("Mistral", masked()),
    "Mixtral": built("Mixtral", masked()), "Qwen2": built("Qwen2", masked()), "Qwen3": built("Qwen3", masked()), "Qwen2-MoE": built("Qwen2Moe", masked()),
    "Qwen3-MoE": built("Qwen3Moe", masked()), "Gemma": built("Gemma", masked()), "Gemma 2": built("Gemma2", masked()),
    "Gemma 3": built("Gemma3Text", masked(), num_hidden_layers=12), "Phi": built("Phi", masked(), **WIDE), "Phi-3": built("Phi3", masked(), **WIDE),
    "Falcon": built("Falcon", masked(), alibi=False), "Falcon ALiBi": built("Falcon", masked(), alibi=True, new_decoder_architecture=False),
    "BLOOM": built("Bloom", masked(), n_layer=4, n_head=2), "OPT": built("OPT", masked(), ffn_dim=24, word_embed_proj_dim=16),
    "MPT": built("Mpt", masked(), n_layers=4, n_heads=2, max_seq_len=32), "StarCoder2": built("Starcoder2", masked()),
    "OLMo": built("Olmo", masked()), "OLMo 2": built("Olmo2", masked()), "OLMoE": built("Olmoe", masked()),
    "Granite": built("Granite", masked()), "Cohere": built("Cohere", masked()), "Cohere 2": built("Cohere2", masked()),
    "Nemotron": built("Nemotron", masked()), "GLM": built("Glm", masked()),
    "DeepSeek-V3": built("DeepseekV3", masked(), n_group=2, topk_group=1, n_routed_experts=4, q_lora_rank=8, kv_lora_rank=8, head_dim=4, qk_rope_head_dim=4, qk_nope_head_dim=4, v_head_dim=8, num_key_value_heads=2, first_k_dense_replace=1),
    "GPT-OSS": built("GptOss", masked()),
    "CTRL": built("CTRL", masked(), dff=24, n_layer=4, n_head=2, n_embd=16),
    "Mamba": built("Mamba", text()), "Mamba 2": built("Mamba2", text(), num_heads=4, head_dim=8, n_groups=1, chunk_size=4),
    "RWKV": built("Rwkv", text(), attention_hidden_size=16), "Jamba": built("Jamba", masked(), mamba_d_state=4, mamba_dt_rank=4, use_mamba_kernels=False, attn_layer_period=2, attn_layer_offset=1),
    "RecurrentGemma": built("RecurrentGemma", masked(), lru_width=16, attention_window_size=4, num_hidden_layers=6), "xLSTM": built("xLSTM", text(), num_blocks=2, num_heads=2, chunkwise_kernel="chunkwise--native_autograd", sequence_kernel="native_sequence__native", step_kernel="native", mode="inference"),
}  # fmt: skip

ENCODERS: dict[str, Build] = {
    **{name: built(kind, masked()) for name, kind in {
        "BERT": "Bert", "RoBERTa": "Roberta", "ALBERT": "Albert", "ELECTRA": "Electra", "MPNet": "MPNet",
        "RemBERT": "RemBert", "ModernBERT": "ModernBert", "ESM": "Esm", "RoFormer": "RoFormer",
    }.items()},
    "DistilBERT": built("DistilBert", masked(), hidden_dim=24, n_layers=4, n_heads=2, dim=16), "DeBERTa": built("Deberta", masked(), relative_attention=True, pos_att_type=["c2p", "p2c"]),
    "DeBERTa-v2": built("DebertaV2", masked(), relative_attention=True, pos_att_type=["c2p", "p2c"], position_buckets=4),
    "MobileBERT": built("MobileBert", masked(), intra_bottleneck_size=8, true_hidden_size=8), "Longformer": built("Longformer", masked(8), attention_window=4),
    "XLNet": built("XLNet", masked(), d_inner=24, n_layer=4, n_head=2), "XLM": built("XLM", masked(), emb_dim=16, n_layers=4, n_heads=2), "FNet": built("FNet", text()),
    "SqueezeBERT": built("SqueezeBert", masked(), embedding_size=16, q_groups=2, k_groups=2, v_groups=2, post_attention_groups=1, intermediate_groups=2, output_groups=2),
    "Funnel": built("Funnel", masked(8), block_sizes=[2, 2], d_head=8, d_inner=24, n_head=2, num_decoder_layers=2), "ConvBERT": built("ConvBert", masked(), conv_kernel_size=3),
    "Big Bird": built("BigBird", masked(), attention_type="original_full"), "Nystromformer": built("Nystromformer", masked(8), num_landmarks=8, segment_means_seq_len=8),
    "CANINE": built("Canine", masked(16), num_hash_buckets=16, downsampling_rate=4, local_transformer_stride=8, num_hash_functions=2),
}  # fmt: skip

PAIRS: dict[str, Build] = {
    "T5": built("T5", translated(), d_kv=8, d_ff=24, num_layers=3, num_heads=2),
    "BART": built("Bart", translated()), "mBART": built("MBart", translated()), "Pegasus": built("Pegasus", translated()),
    "M2M-100": built("M2M100", translated()), "LED": built("LED", translated(8), attention_window=4, max_encoder_position_embeddings=32, max_decoder_position_embeddings=32),
    "LongT5": built("LongT5", translated(), d_kv=8, d_ff=24, num_layers=3, num_heads=2, local_radius=3), "Switch": built("SwitchTransformers", translated(), d_kv=8, d_ff=24, num_layers=2, num_decoder_layers=2, num_heads=2, num_sparse_encoder_layers=1, num_sparse_decoder_layers=1),
    "ProphetNet": built("ProphetNet", translated(), num_encoder_layers=3, num_decoder_layers=3, num_encoder_attention_heads=2, num_decoder_attention_heads=2),
    "Speech2Text": built("Speech2Text", values(1, 12, 8, decoder_input_ids=words(4)[:1]), input_feat_per_channel=8, conv_channels=8, max_source_positions=32, max_target_positions=32),
    "Whisper": built("Whisper", values(1, 8, 16, decoder_input_ids=words(4)[:1]), num_mel_bins=8, max_source_positions=8, max_target_positions=16, decoder_start_token_id=1),
}  # fmt: skip

SOUND: dict[str, Build] = {
    **{name: built(kind, values(1, 64), **CONVS) for name, kind in {"wav2vec 2": "Wav2Vec2", "HuBERT": "Hubert", "WavLM": "WavLM"}.items()},
    "Data2Vec audio": built("Data2VecAudio", values(1, 64), conv_dim=(8, 8), conv_stride=(2, 2), conv_kernel=(3, 3), num_conv_pos_embeddings=2, conv_pos_kernel_size=3, num_conv_pos_embedding_groups=2),
    "SEW": built("SEW", values(1, 64), conv_dim=(8, 8), conv_stride=(2, 2), conv_kernel=(3, 3), num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2),
    "AST": built("ASTModel".removesuffix("Model"), values(1, 24, 16), max_length=24, num_mel_bins=16, frequency_stride=8, time_stride=8),
}  # fmt: skip

IMAGES: dict[str, Build] = {
    **{name: built(kind, pixels()) for name, kind in {"ViT": "ViT", "DeiT": "DeiT", "BEiT": "Beit", "DINOv2": "Dinov2"}.items()},
    "DINOv3": built("DINOv3ViT", pixels()), "Swin": built("Swin", pixels(), **STAGES), "Swin V2": built("Swinv2", pixels(), **STAGES), "ConvNeXt": built("ConvNext", pixels(), hidden_sizes=[6, 8], depths=[3, 3], num_stages=2, patch_size=4),
    "ConvNeXt V2": built("ConvNextV2", pixels(), hidden_sizes=[6, 8], depths=[3, 3], num_stages=2, patch_size=4),
    "ResNet": built("ResNet", pixels(), config=lambda: transformers.ResNetConfig(embedding_size=4, hidden_sizes=[4, 6], depths=[3, 3], layer_type="basic")),
    "RegNet": built("RegNet", pixels(), embedding_size=4, hidden_sizes=[4, 8], depths=[2, 3], groups_width=4), "BiT": built("Bit", pixels(), embedding_size=8, hidden_sizes=[8, 16], depths=[2, 3], num_groups=4),
    "MobileNet V1": built("MobileNetV1", pixels(), "Model", depth_multiplier=0.25, min_depth=4), "MobileNet V2": built("MobileNetV2", pixels(), depth_multiplier=0.25, min_depth=4),
    "MobileViT": built("MobileViT", pixels(64), hidden_sizes=[8, 8, 8], neck_hidden_sizes=[4, 4, 8, 8, 8, 8, 8], patch_size=2), "EfficientNet": built("EfficientNet", pixels(), width_coefficient=0.125, depth_coefficient=1.0, hidden_dim=160),
    "PoolFormer": built("PoolFormer", pixels(), hidden_sizes=[4, 6, 8, 8], depths=[2, 2, 2, 2]), "PVT": built("Pvt", pixels(), hidden_sizes=[4, 6, 8, 8], depths=[1, 2, 2, 1], num_attention_heads=[1, 2, 2, 2]),
    "FocalNet": built("FocalNet", pixels(), embed_dim=6, hidden_sizes=[6, 8], depths=[2, 2], focal_levels=[2, 2], focal_windows=[3, 3], patch_size=4), "CvT": built("Cvt", pixels(), embed_dim=[4, 6], num_heads=[1, 2], depth=[1, 3], patch_sizes=[7, 3], patch_stride=[4, 2], patch_padding=[2, 1], mlp_ratio=[2.0, 2.0], attention_drop_rate=[0.0, 0.0], drop_rate=[0.0, 0.0], drop_path_rate=[0.0, 0.0], qkv_bias=[True, True], cls_token=[False, True], qkv_projection_method=["dw_bn"] * 2, kernel_qkv=[3, 3], padding_kv=[1, 1], stride_kv=[2, 2], padding_q=[1, 1], stride_q=[1, 1]),
    "LeViT": built("Levit", pixels(64), hidden_sizes=[16, 16, 16], num_attention_heads=[2, 2, 2], depths=[2, 2, 2], key_dim=[4, 4, 4]), "Hiera": built("Hiera", pixels(), embed_dim=8, image_size=[32, 32], depths=[1, 2, 1], num_heads=[1, 2, 2], patch_size=[7, 7], patch_stride=[4, 4], patch_padding=[3, 3], query_stride=[2, 2], masked_unit_size=[4, 4], num_query_pool=2),
    "SegFormer": built("Segformer", pixels(64), "ForSemanticSegmentation", hidden_sizes=[4, 8, 8, 8], depths=[2, 2, 2, 2], num_attention_heads=[1, 2, 2, 2], sr_ratios=[4, 2, 1, 1], decoder_hidden_size=8),
    "GLPN": built("GLPN", pixels(64), "ForDepthEstimation", hidden_sizes=[4, 8, 8, 8], depths=[2, 2, 2, 2], num_attention_heads=[1, 2, 2, 2], sr_ratios=[4, 2, 1, 1], decoder_hidden_size=8),
    "DPT": built("DPT", pixels(), "ForDepthEstimation", backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[4, 6, 8, 8], fusion_hidden_size=8, is_hybrid=False), "YOLOS": built("Yolos", pixels(), "ForObjectDetection", image_size=[32, 32], num_detection_tokens=5),
    "DETR": detection("Detr"), "Conditional DETR": detection("ConditionalDetr"), "Deformable DETR": detection("DeformableDetr", ("stage2", "stage3", "stage4"), num_feature_levels=3, d_model=32),
    "MaskFormer": built("MaskFormer", pixels(64), config=lambda: transformers.MaskFormerConfig(fpn_feature_size=32, mask_feature_size=32, backbone_config=transformers.SwinConfig(embed_dim=8, depths=[1, 2, 1, 1], num_heads=[2, 2, 2, 2], window_size=4, out_features=["stage1", "stage2", "stage3", "stage4"]), decoder_config=transformers.DetrConfig(**{k: v for k, v in DETECTION.items() if "backbone" not in k}))),
    "VideoMAE": built("VideoMAE", values(1, 4, 3, 16, 16), num_frames=4, image_size=16), "TimeSformer": built("Timesformer", values(1, 2, 3, 16, 16), num_frames=2, image_size=16), "ViViT": built("Vivit", values(1, 4, 3, 16, 16), num_frames=4, image_size=16, tubelet_size=[2, 8, 8]),
}  # fmt: skip

MIXED: dict[str, Build] = {
    "CLIP": clip("CLIP", both()), "SigLIP": built("Siglip", both(), config=lambda: transformers.SiglipConfig(text_config={**{k: SMALL[k] for k in ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size")}, "max_position_embeddings": 8, "projection_size": 16}, vision_config={"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 24, "image_size": 16, "patch_size": 8})),
    "Chinese CLIP": clip("ChineseCLIP", both()), "BLIP text": built("BlipText", masked(), encoder_hidden_size=16), "ViLT": built("Vilt", lambda: ((words(),), {"attention_mask": mask(), "pixel_values": real(2, 3, 16, 16)}), image_size=16, max_image_length=-1),
    "VisualBERT": built("VisualBert", lambda: ((words(),), {"attention_mask": mask(), "visual_embeds": real(2, 3, 8)}), visual_embedding_dim=8), "LXMERT": built("Lxmert", lambda: ((words(),), {"visual_feats": real(2, 3, 8), "visual_pos": real(2, 3, 4).abs(), "attention_mask": mask()}), visual_feat_dim=8, l_layers=2, r_layers=2, x_layers=2),
    "Decision Transformer": built("DecisionTransformer", lambda: ((), {"states": real(1, 4, 5), "actions": real(1, 4, 2), "returns_to_go": real(1, 4, 1), "timesteps": torch.arange(4)[None], "attention_mask": torch.ones(1, 4, dtype=torch.int64)}), state_dim=5, act_dim=2, max_ep_len=8, n_layer=4, n_head=2),
    "PatchTST": built("PatchTST", values(1, 16, 2), context_length=16, patch_length=4, patch_stride=4, num_input_channels=2, ffn_dim=24, scaling=False), "Perceiver": built("Perceiver", values(1, 6, 8), d_model=8, num_latents=4, d_latents=8, num_blocks=2, num_self_attends_per_block=2, num_self_attention_heads=2, num_cross_attention_heads=2),
}  # fmt: skip

MODELS: dict[str, Build] = {**DECODERS, **ENCODERS, **PAIRS, **SOUND, **IMAGES, **MIXED}
REFUSED = {
    **dict.fromkeys(("Longformer", "LED"), "it branches on whether any word has global attention, which torch.export does not trace"),
    "Switch": "it loops over the experts that some word chose, and converts a layer as it runs, neither of which torch.export traces",
    "ViLT": "it draws the parts of a picture that it reads, as many as the mask has, and torch.export does not trace sizes from values",
}
