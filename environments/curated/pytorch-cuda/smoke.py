import torch, torchvision
print(torch.__version__, "CUDA", torch.version.cuda, "cuDNN", torch.backends.cudnn.version(), torchvision.__version__, torch.cuda.device_count(), "GPUs")
