"""784-128-64-10 with ReLU on normalised MNIST, as the FHE benchmarking suite's harness/mnist specifies it: Adam 0.001, batches of 64, 15 epochs, the epoch that is best on a fifth of the training images."""
import sys, numpy as np, onnx
from onnx import helper as h, numpy_helper as nh, TensorProto as T
src, out = sys.argv[1:3]
rng = np.random.default_rng(42)
def idx(name, offset): return np.frombuffer(open(f'{src}/{name}','rb').read(), np.uint8, offset=offset)
norm = lambda b: ((b.reshape(-1,784)/np.float32(255)-np.float32(.1307))/np.float32(.3081)).astype(np.float32)
X, Y = norm(idx('train-images-idx3-ubyte',16)), idx('train-labels-idx1-ubyte',8)
Xt, Yt = norm(idx('t10k-images-idx3-ubyte',16)), idx('t10k-labels-idx1-ubyte',8)
order = rng.permutation(60000); tr, va = order[:48000], order[48000:]
sizes = [784,128,64,10]
P = []
for a,b in zip(sizes, sizes[1:]):
    k = 1/np.sqrt(a); P += [rng.uniform(-k,k,(b,a)).astype(np.float32), rng.uniform(-k,k,b).astype(np.float32)]
def forward(x, p):
    h1 = np.maximum(x@p[0].T+p[1],0); h2 = np.maximum(h1@p[2].T+p[3],0); return h1,h2,h2@p[4].T+p[5]
m=[np.zeros_like(q) for q in P]; v=[np.zeros_like(q) for q in P]; t=0; best=(0,None)
for epoch in range(15):
    p=rng.permutation(tr)
    for i in range(0,48000,64):
        b=p[i:i+64]; x,y=X[b],Y[b]; h1,h2,z=forward(x,P)
        e=np.exp(z-z.max(1,keepdims=True)); g=e/e.sum(1,keepdims=True); g[np.arange(len(b)),y]-=1; g/=len(b)
        d2=(g@P[4])*(h2>0); d1=(d2@P[2])*(h1>0)
        G=[d1.T@x,d1.sum(0),d2.T@h1,d2.sum(0),g.T@h2,g.sum(0)]; t+=1
        for k in range(6):
            m[k]=.9*m[k]+.1*G[k]; v[k]=.999*v[k]+.001*G[k]**2
            P[k]-=(1e-3*(m[k]/(1-.9**t))/(np.sqrt(v[k]/(1-.999**t))+1e-8)).astype(np.float32)
    a=(forward(X[va],P)[2].argmax(1)==Y[va]).mean(); print(epoch+1, a, flush=True)
    if a>best[0]: best=(a,[q.copy() for q in P])
P=best[1]; z=forward(Xt,P)[2]; print('test', (z.argmax(1)==Yt).sum())
names=['fc1.weight','fc1.bias','fc2.weight','fc2.bias','fc3.weight','fc3.bias']
nodes=[h.make_node('Flatten',['input'],['flat'],axis=1)]; last='flat'
for k in range(3):
    o='logits' if k==2 else f'z{k+1}'
    nodes.append(h.make_node('Gemm',[last,names[2*k],names[2*k+1]],[o],name=f'fc{k+1}',transB=1)); last=o
    if k<2: nodes.append(h.make_node('Relu',[o],[f'h{k+1}'],name=f'relu{k+1}')); last=f'h{k+1}'
g=h.make_graph(nodes,'suite-mlp',[h.make_tensor_value_info('input',T.FLOAT,['batch',1,28,28])],[h.make_tensor_value_info('logits',T.FLOAT,['batch',10])],[nh.from_array(q.astype(np.float32),n) for q,n in zip(P,names)])
model=h.make_model(g,opset_imports=[h.make_opsetid('',13)],producer_name='slytherin'); model.ir_version=8
onnx.checker.check_model(model); onnx.save(model,out)
