import torch, torchvision
print(torch.__version__, torchvision.models.resnet18(num_classes=2).eval()(torch.ones(1, 3, 32, 32)).shape)
