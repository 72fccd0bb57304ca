function tt(r,t,e){let n=r.arrays.get(t);if(!n)throw new Error(`expected an array "${t}" in the map's data, got ${[...r.arrays.keys()].join(", ")}`);if(n.shape.join()!==e.join())throw new Error(`expected "${t}" of shape (${e.join(", ")}), got (${n.shape.join(", ")})`);return n}function W(r,t,e){let{data:n,dtype:o}=tt(r,t,e);if(!(n instanceof Float32Array))throw new Error(`expected "${t}" of float32, got ${o}`);return n}function to(r,t,e){let{data:n,dtype:o}=tt(r,t,e);if(!(n instanceof Float64Array))throw new Error(`expected "${t}" of float64, got ${o}`);return n}function ke(r){let t=0;for(let{data:e}of r.arrays.values())t+=e.byteLength;return t}var Ae=class{heads;queries;keys;received;entropy;bytes;weights;low;step;constructor(t){let{heads:e,queries:n,keys:o,low:s,step:i}=t.meta;this.heads=e,this.queries=n,this.keys=o,this.received=W(t,"received",[e,o]),this.entropy=W(t,"entropy",[e,n]);let{data:a,dtype:l}=tt(t,"weights",[e,n,o]);this.weights=a,this.low=l==="float32"?0:s,this.step=l==="float32"?1:i,this.bytes=ke(t)}work(t,e,n,o){return o-n}addRows(t,e,n,o,s,i,a,l){let{weights:c,low:h,step:u}=this;for(let p=0;p<e.length;p++){let m=(t*this.queries+e[p])*this.keys+n,d=p*l+a;for(let f=n;f<o;f++)i[d++]+=s*(h+c[m++]*u)}}};var Se=class r{constructor(t,e){this.first=t;this.ends=e}first;ends;static ofHeads(t,e,n,o){if(!t.arrays.has("runs_of_head"))return new Array(e).fill(r.all(n,o));let s=new Map;return Array.from(tt(t,"runs_of_head",[e]).data,i=>{let a=s.get(i);if(!a){let l=eo(t,`runs.${i}.first`,[n+1]);a=new r(l,eo(t,`runs.${i}.ends`,[l[n],2])),s.set(i,a)}return a})}static all(t,e){let n=Int32Array.from({length:t+1},(s,i)=>i),o=Int32Array.from({length:2*t},(s,i)=>i%2?e:0);return new r(n,o)}count(t,e,n){let o=0;for(let s=this.first[t];s<this.first[t+1];s++){let i=Math.max(e,this.ends[2*s]),a=Math.min(n,this.ends[2*s+1]);a>i&&(o+=a-i)}return o}};function eo(r,t,e){let{data:n,dtype:o}=tt(r,t,e);if(!(n instanceof Int32Array))throw new Error(`expected "${t}" of int32, got ${o}`);return n}var J=256,pl=20,no=2**27,Yt=class{constructor(t){this.packed=t;let e=t.meta,{heads:n,kvHeads:o,queries:s,keys:i,dim:a}=e;this.meta=e,this.heads=n,this.queries=s,this.keys=i,this.received=W(t,"received",[n,i]),this.entropy=W(t,"entropy",[n,s]),this.logsumexp=to(t,"logsumexp",[n,s]),this.query=new Me(t,"query",n,s,a),this.key=new Me(t,"key",o,i,a),this.visible=Se.ofHeads(t,n,s,i),this.masked=t.arrays.has("runs_of_head"),this.bias=zn.of(t,s,i),this.bytes=ke(t)+Math.min(no,4*o*i*a)}packed;meta;heads;queries;keys;received;entropy;bytes;visible;masked;logsumexp;query;key;bias;decoded=new Map;work(t,e,n,o){let s=this.meta.dim+(this.meta.softcap===null?1:3)*pl;return this.visible[t].count(e,n,o)*s}addRows(t,e,n,o,s,i,a,l){let{dim:c,scale:h}=this.meta,{first:u,ends:p}=this.visible[t],m=this.keysOf(t),d=new Float64Array(J),f=new Float64Array(2*J),[g,y]=[f.subarray(0,J),f.subarray(J)],w=new Float64Array(e.length*c);e.forEach((v,k)=>{this.query.read(t,v,h,w,k*c)});let x=(v,k,E,T)=>this.addWeights(t,e[v],k,E,T,s,i,v*l+a+k-n),A=Int32Array.from(e,v=>u[v]);for(let v=n;v<o;v+=J){let k=Math.min(o,v+J),E=-1;for(let T=0;T<e.length;T++){let R=u[e[T]+1],N=A[T];for(;N<R&&p[2*N+1]<=v;)N++;if(A[T]=N,N<R&&p[2*N]<=v&&p[2*N+1]>=k){if(E<0){E=T;continue}ml(w,E*c,T*c,m,c,v,k,f),x(E,v,k,g),x(T,v,k,y),E=-1;continue}for(;N<R&&p[2*N]<k;N++){let I=Math.max(v,p[2*N]),C=Math.min(k,p[2*N+1]);ro(w,T*c,m,c,I,C,d),x(T,I,C,d)}}E>=0&&(ro(w,E*c,m,c,v,k,d),x(E,v,k,d))}}vectorsOf(t){let{dim:e}=this.meta,n=new Float32Array(this.queries*e);for(let o=0;o<this.queries;o++)this.query.read(t,o,1,n,o*e);return{query:n,key:this.keysOf(t).slice()}}biasOf(t){let{bias:e}=this;return e&&((n,o)=>e.at(t,n,o))}addWeights(t,e,n,o,s,i,a,l){let{softcap:c}=this.meta,{bias:h}=this,u=this.logsumexp[t*this.queries+e];if(u===-1/0)return;let p=o-n;if(c!==null)for(let m=0;m<p;m++)s[m]=c*Math.tanh(s[m]/c);if(h)for(let m=0;m<p;m++)s[m]+=h.at(t,e,n+m);for(let m=0;m<p;m++)a[l+m]+=i*Math.exp(s[m]-u)}keysOf(t){let{heads:e,kvHeads:n,dim:o}=this.meta,s=Math.floor(t/(e/n)),i=this.decoded.get(s);if(!i){i=new Float32Array(this.keys*o);for(let l=0;l<this.keys;l++)this.key.read(s,l,1,i,l*o);let a=Math.floor(no/Math.max(1,i.byteLength));for(let l of this.decoded.keys()){if(this.decoded.size<Math.max(1,a))break;this.decoded.delete(l)}this.decoded.set(s,i)}return i}};function ro(r,t,e,n,o,s,i){let a=t+n,l=o;for(;l+4<=s;l+=4){let c=l*n,h=c+n,u=h+n,p=u+n,m=0,d=0,f=0,g=0;for(let y=t;y<a;y++){let w=r[y];m+=w*e[c++],d+=w*e[h++],f+=w*e[u++],g+=w*e[p++]}i[l-o]=m,i[l-o+1]=d,i[l-o+2]=f,i[l-o+3]=g}for(;l<s;l++){let c=0;for(let h=0;h<n;h++)c+=r[t+h]*e[l*n+h];i[l-o]=c}}function ml(r,t,e,n,o,s,i,a){let l=s;for(;l+4<=i;l+=4){let c=l*o,h=c+o,u=h+o,p=u+o,m=0,d=0,f=0,g=0,y=0,w=0,x=0,A=0;for(let k=0;k<o;k++){let E=r[t+k],T=r[e+k],R=n[c++],N=n[h++],I=n[u++],C=n[p++];m+=E*R,d+=E*N,f+=E*I,g+=E*C,y+=T*R,w+=T*N,x+=T*I,A+=T*C}let v=l-s;a[v]=m,a[v+1]=d,a[v+2]=f,a[v+3]=g,a[J+v]=y,a[J+v+1]=w,a[J+v+2]=x,a[J+v+3]=A}for(;l<i;l++){a[l-s]=0,a[J+l-s]=0;for(let c=0;c<o;c++)a[l-s]+=r[t+c]*n[l*o+c],a[J+l-s]+=r[e+c]*n[l*o+c]}}var Me=class{constructor(t,e,n,o,s){this.count=o;this.dim=s;this.values=tt(t,e,[n,o,s]),this.steps=this.values.dtype==="float32"?null:W(t,`${e}_step`,[n,o])}count;dim;values;steps;read(t,e,n,o,s){let{data:i}=this.values,a=t*this.count+e,l=this.steps?this.steps[a]*n:n,c=a*this.dim;for(let h=0;h<this.dim;h++)o[s+h]=i[c+h]*l}},zn=class r{constructor(t,e,n,o,s){this.values=t;this.ofHead=e;this.ofQuery=n;this.ofKey=o;this.start=s}values;ofHead;ofQuery;ofKey;start;static of(t,e,n){let o=t.arrays.get("bias_relative");if(o){let[h]=o.shape,u=W(t,"bias_relative",[h,e+n-1]);return new r(u,h===1?0:e+n-1,-1,1,e-1)}let s=t.arrays.get("bias");if(!s)return null;let[i,a,l]=s.shape,c=W(t,"bias",[i,a===1?1:e,l===1?1:n]);return new r(c,i===1?0:a*l,a===1?0:l,l===1?0:1,0)}at(t,e,n){return this.values[this.start+t*this.ofHead+e*this.ofQuery+n*this.ofKey]}};function so(r,t){let e=r.arrays.get(`mean.${t}`);if(!e)throw new Error(`expected an overview of map ${t} in the page, got ${[...r.arrays.keys()].join(", ")}`);let[n,o,s]=e.shape;return{heads:n,rows:o,columns:s,mean:oo(r,t,"mean",e.shape,0),max:oo(r,t,"max",e.shape,1)}}function oo(r,t,e,n,o){let{data:s}=tt(r,`${e}.${t}`,n);if(s instanceof Float32Array)return s.slice();let[i]=n,a=W(r,`scale.${t}`,[i,2]),l=s.length/i;return Float32Array.from(s,(c,h)=>(c/255)**2*a[2*Math.floor(h/l)+o])}var Ee={float32:Float32Array,float64:Float64Array,uint8:Uint8Array,uint16:Uint16Array,int32:Int32Array},Te={int12p:2048,int16p:32768};function et(r){let{buffer:t,start:e,length:n}=dl(r),o=new DataView(t,e,n);if(n<8||o.getUint32(0,!0)!==826558290)throw new Error("expected packed bytes that begin with RGD1, got others; is the answer whole?");let s=o.getUint32(4,!0),i=8+s;if(i>n)throw new Error(`expected a description of ${s} bytes, got ${n-8} bytes`);e%8!==0&&(t=t.slice(e,e+n),e=0);let a=new TextDecoder().decode(new Uint8Array(t,e+8,s)),{meta:l,arrays:c}=JSON.parse(a),h=new Map;for(let{name:u,dtype:p,shape:m,offset:d}of c){let f=m.reduce((y,w)=>y*w,1),g=i+d;if(g+$e(p,f)>n)throw new Error(`expected ${$e(p,f)} bytes of ${u}, got ${n-g}`);h.set(u,{dtype:p,shape:m,data:fl(t,e+g,p,f)})}return{meta:l,arrays:h}}function wt(r,t){let e=0,n=Object.entries(t).map(([c,{dtype:h,shape:u,data:p}])=>{let m=e;return e=io(m+$e(h,p.length)),{name:c,dtype:h,shape:u,offset:m}}),o=new TextEncoder().encode(JSON.stringify({meta:r,arrays:n})),s=io(o.length),i=new ArrayBuffer(8+s+e),a=new DataView(i);a.setUint32(0,826558290,!0),a.setUint32(4,s,!0);let l=new Uint8Array(i);l.fill(32,8,8+s),l.set(o,8);for(let{name:c,dtype:h,offset:u}of n)gl(l,8+s+u,h,t[c].data);return i}function vt(r,...t){return{dtype:"float32",shape:t,data:r}}function mt(r,t){let e=r.arrays.get(t)?.data;if(!(e instanceof Float32Array))throw new Error(`expected an array "${t}" of float32 in the answer, got none`);return e}function dl(r){return ArrayBuffer.isView(r)?{buffer:r.buffer,start:r.byteOffset,length:r.byteLength}:{buffer:r,start:0,length:r.byteLength}}function io(r){return r+7&-8}function $e(r,t){if(r==="int12p")return t+(t+1>>1);if(r==="int16p")return 2*t;if(!(r in Ee))throw new Error(`expected a type of ${Object.keys({...Ee,...Te})}, got ${r}`);return t*Ee[r].BYTES_PER_ELEMENT}function fl(r,t,e,n){if(e!=="int12p"&&e!=="int16p")return new Ee[e](r,t,n);let o=new Uint8Array(r,t,$e(e,n)),s=new Int16Array(n);if(e==="int16p")for(let i=0;i<n;i++)s[i]=(o[i]<<8|o[n+i])-Te.int16p;else for(let i=0;i<n;i++){let a=o[n+(i>>1)]>>4*(i&1)&15;s[i]=(o[i]<<4|a)-Te.int12p}return s}function gl(r,t,e,n){if(e!=="int12p"&&e!=="int16p"){r.set(new Uint8Array(n.buffer,n.byteOffset,n.byteLength),t);return}let o=n.length;for(let s=0;s<o;s++){let i=n[s]+Te[e];e==="int16p"?(r[t+s]=i>>8,r[t+o+s]=i&255):(r[t+s]=i>>4,r[t+o+(s>>1)]|=(i&15)<<4*(s&1))}}function at(r,t){return{tokens:null,words:r.words,characters:r.characters}[t]}var Xt=class{constructor(t,e,n,o=null){this.axis=t;this.unit=e;this.hidden=n;this.specials=new Set(t.special);let s=t.tokens.length,i=at(t,e);if(i===null&&o===null&&!(n&&this.specials.size>0)){this.count=s,this.starts=this.stops=this.runs=null;return}let a=i??Array.from({length:s},(c,h)=>h),l=a.map((c,h)=>({start:c,run:h})).filter(({start:c})=>!(n&&this.specials.has(c))).filter(({start:c})=>o===null||c>=o[0]&&c<o[1]);this.count=l.length,this.starts=Int32Array.from(l,({start:c})=>c),this.stops=Int32Array.from(l,({run:c})=>a[c+1]??s),this.runs=Int32Array.from(l,({run:c})=>c)}axis;unit;hidden;count;starts;stops;runs;specials;start(t){return this.starts?this.starts[t]:t}stop(t){return this.stops?this.stops[t]:t+1}label(t){let{wordTexts:e,characterTexts:n}=this.axis,o={tokens:null,words:e,characters:n}[this.unit];return o&&this.runs?o[this.runs[t]]:this.axis.tokens[this.start(t)]}spelling(t){return(this.axis.spellings??this.axis.tokens).slice(this.start(t),this.stop(t)).join(" ")}special(t){return this.specials.has(this.start(t))}unitOf(t){if(!this.starts||!this.stops)return t>=0&&t<this.count?t:-1;let e=0,n=this.count;for(;e<n;){let o=e+n>>1;this.stops[o]<=t?e=o+1:n=o}return e<this.count&&this.starts[e]<=t?e:-1}cells(t,e,n){let o=Math.min(n,e-t);if(!this.starts)return{start:t,stop:e,count:o};let s=[],i=[];for(let a=0;a<o;a++)s.push(this.start(t+Math.floor(a*(e-t)/o))),i.push(this.stop(t+Math.floor((a+1)*(e-t)/o)-1));return{starts:s,stops:i}}};function ao(r){if("starts"in r)return{starts:r.starts,stops:r.stops,count:r.starts.length};let{start:t,stop:e,count:n}=r,o=a=>t+Math.floor(a*(e-t)/n),s=Array.from({length:n},(a,l)=>o(l)),i=Array.from({length:n},(a,l)=>o(l+1));return{starts:s,stops:i,count:n}}function Jt(r,t){let{starts:e,stops:n,count:o}=ao(r),s=new Int32Array(o+1),i=0;for(let c=0;c<o;c++)i+=n[c]-e[c];let a=new Int32Array(i),l=0;for(let c=0;c<o;c++){for(let h=e[c];h<n[c];h++)t.has(h)||(a[l++]=h);s[c+1]=l}return{count:o,first:s,positions:a.subarray(0,l)}}function lo(r,t){let{count:e}=r,n=new Int32Array(e+1);for(let s=0;s<e;s++)n[s+1]=n[s]+Math.min(t,r.first[s+1]-r.first[s]);let o=new Int32Array(n[e]);for(let s=0;s<e;s++){let i=r.first[s+1]-r.first[s],a=n[s+1]-n[s];for(let l=0;l<a;l++)o[n[s]+l]=r.positions[r.first[s]+Math.floor((2*l+1)*i/(2*a))]}return{count:e,first:n,positions:o}}function co(r){let t=0;for(let e=0;e<r.count;e++)t=Math.max(t,r.first[e+1]-r.first[e]);return t}function ho(r){let t=new Int32Array(r.positions.length);for(let e=0;e<r.count;e++)t.fill(e,r.first[e],r.first[e+1]);return t}function uo(r,t){let e=r.positions.slice().sort(),n=[];for(let o of e)n.length===0||o>=n[n.length-1]+t?n.push(o,o+1):n[n.length-1]=Math.max(n[n.length-1],o+1);return Int32Array.from(n)}var bl=4e9,yl=2**22,wl=2**18,vl=64,xl=32,Le=new Set;function*mo(r,t,e,n=bl){let{heads:o,how:s,renormalise:i}=e,a=e.hideSpecial?t:{rows:Le,columns:Le},l=Jt(e.columns,a.columns),c=i?Int32Array.of(0,r.keys):uo(l,xl),h=Jt(e.rows,a.rows),{members:u,sample:p}=kl(r,o,h,c,e.sample,n),m=new Float64Array(u.count*l.count).fill(s==="max"?-1/0:0),{width:d,place:f}=Al(c),g=l.positions.map(f),y=ho(u);for(let w of go(r,o,u.positions,c,d)){if(w)for(let x=0;x<w.count;x++){let A=w.weights.subarray(x*d,(x+1)*d);i&&Sl(A,a.columns);let v=y[w.start+x]*l.count;s==="max"?El(A,l.first,g,m,v):Ml(A,l.first,g,m,v)}yield}return{rows:u.count,columns:l.count,values:Tl(m,u,l,s),sampled:p,every:1}}function*fo(r,t,e){let{heads:n}=e,o=e.hideSpecial?t:{rows:Le,columns:Le},s=Jt(e.columns,o.columns),i=Jt(e.rows,o.rows),a=Gn(s,h=>po(r.received,n,r.keys,h)),l=h=>po(r.entropy,n,r.queries,h);if(n.length===1||n.length*r.queries*r.keys>yl)return{received:a,entropy:Gn(i,l),sampled:0};let c=new Float64Array(i.positions.length);for(let h of go(r,n,i.positions,Int32Array.of(0,r.keys),r.keys)){if(h)for(let u=0;u<h.count;u++)c[h.start+u]=$l(h.weights.subarray(u*r.keys,(u+1)*r.keys));yield}return{received:a,entropy:Gn(i,(h,u)=>c[u]),sampled:0}}function kl(r,t,e,n,o,s){let i=co(e),a=h=>h>=i?e:lo(e,h),l=h=>{let u=0;for(let p of t)for(let m of h.positions)for(let d=0;d<n.length;d+=2)u+=r.work(p,m,n[d],n[d+1]);return u},c=o>0?Math.min(o,i):i;if(c>1&&l(a(c))>s){let h=c;for(c=1;h-c>1;){let u=c+h>>1;l(a(u))>s?h=u:c=u}}return{members:a(c),sample:c<i?c:0}}function*go(r,t,e,n,o){let s=Math.max(1,Math.min(vl,Math.floor(wl/Math.max(1,o)),e.length)),i=new Float32Array(s*o);for(let a=0;a<e.length;a+=s){let l=e.subarray(a,a+s);i.fill(0);for(let c of t){let h=0;for(let u=0;u<n.length;u+=2)r.addRows(c,l,n[u],n[u+1],1/t.length,i,h,o),h+=n[u+1]-n[u];yield null}yield{start:a,count:l.length,weights:i}}}function Al(r){let t=[],e=0;for(let o=0;o<r.length;o+=2)t.push(e),e+=r[o+1]-r[o];return{width:e,place:o=>{let s=0,i=t.length-1;for(;s<i;){let a=s+i+1>>1;r[2*a]<=o?s=a:i=a-1}return t[s]+o-r[2*s]}}}function Sl(r,t){let e=t.size>0?r.slice():r;for(let o of t)e[o]=0;let n=0;for(let o of e)n+=o;if(n!==0)for(let o=0;o<r.length;o++)r[o]/=n}function Ml(r,t,e,n,o){for(let s=0;s<t.length-1;s++){let i=0;for(let a=t[s];a<t[s+1];a++)i+=r[e[a]];n[o+s]+=i}}function El(r,t,e,n,o){for(let s=0;s<t.length-1;s++){let i=n[o+s];for(let a=t[s];a<t[s+1];a++){let l=r[e[a]];l>i&&(i=l)}n[o+s]=i}}function Tl(r,t,e,n){let o=new Float32Array(r.length);for(let s=0;s<t.count;s++){let i=t.first[s+1]-t.first[s];for(let a=0;a<e.count;a++){let l=e.first[a+1]-e.first[a],c=s*e.count+a;i===0||l===0||(o[c]=n==="max"?r[c]:r[c]/(n==="mean"?i*l:i))}}return o}function Gn(r,t){let e=new Float32Array(r.count);for(let n=0;n<r.count;n++){let o=0;for(let s=r.first[n];s<r.first[n+1];s++)o+=t(r.positions[s],s);e[n]=o/Math.max(1,r.first[n+1]-r.first[n])}return e}function po(r,t,e,n){let o=0;for(let s of t)o+=r[s*e+n];return o/t.length}function $l(r){let t=0;for(let e of r)e>0&&(t-=e*Math.log(e));return t}var bo=2**20,Ll=24;function wo(r,t,e=null){let{meta:n}=r,{dim:o,scale:s,softcap:i}=n;if(!e&&r.queries*r.keys>bo)throw new Error(`expected a map of at most ${bo} weights, got ${r.queries} \xD7 ${r.keys}; ask for one query`);let{query:a,key:l}=r.vectorsOf(t),c=e?Ol(r,t,e):null,h=e?[e.query]:Array.from({length:r.queries},(I,C)=>C),u=c?.positions??Array.from({length:r.keys},(I,C)=>C),[p,m]=[h.length,u.length],d=I=>{let C=new Float64Array(p*m),H=0;for(let G of h)for(let Y of u)C[H]=I(G,Y,H++);return C},f=d((I,C)=>{let H=0;for(let G=0;G<o;G++)H+=a[I*o+G]*l[C*o+G];return H}),g=d((I,C,H)=>f[H]*s),y=i===null?null:d((I,C,H)=>i*Math.tanh(g[H]/i)),w=r.biasOf(t),x=w&&d((I,C,H)=>(y??g)[H]+w(I,C)),A=x??y??g,v=r.visible[t],k=r.masked?d((I,C,H)=>v.count(I,C,C+1)?A[H]:-1/0):null,E=d((I,C,H)=>{let G=r.logsumexp[t*r.queries+I];return G===-1/0?0:Math.exp((k??A)[H]-G)}),T=Pl(r,t),R=r.packed.arrays.has("sinks")?W(r.packed,"sinks",[r.heads])[t]:-1/0,N=c?.weights??E;return{queries:p,keys:m,dim:o,scale:s,softcap:i,sink:Number.isFinite(R)?R:null,query:Vn(a,h,o),key:Vn(l,u,o),value:T&&Vn(T.vectors,u,T.dim),valueDim:T?T.dim:0,scores:Float32Array.from(f),scaled:Float32Array.from(g),capped:y&&Float32Array.from(y),biased:x&&Float32Array.from(x),masked:k&&Float32Array.from(k),weights:Float32Array.from(E),output:T&&Cl(N,T.vectors,p,r.keys,T.dim),positions:c?.positions??null,rest:c?Math.max(0,yo(N)-yo(E)):0,...c&&r.masked?{hidden:r.keys-v.count(h[0],0,r.keys)}:{}}}function Ol(r,t,{query:e,key:n}){let o=new Float32Array(r.keys);r.addRows(t,Int32Array.of(e),0,r.keys,1,o,0,r.keys);let s=Array.from(o.keys()).sort((a,l)=>o[l]-o[a]||a-l).slice(0,Ll),i=new Set(n===null?s:[...s,n]);return{weights:o,positions:[...i].sort((a,l)=>a-l)}}function Vn(r,t,e){let n=new Float32Array(t.length*e);return t.forEach((o,s)=>{n.set(r.subarray(o*e,(o+1)*e),s*e)}),n}function yo(r){let t=0;for(let e=0;e<r.length;e++)t+=r[e];return t}function Pl(r,t){let{heads:e,kvHeads:n}=r.meta,o=r.packed.arrays.get("value");if(!o)return null;let s=o.shape[2],i=W(r.packed,"value",[n,r.keys,s]),a=Math.floor(t/(e/n))*r.keys*s;return{vectors:i.slice(a,a+r.keys*s),dim:s}}function Cl(r,t,e,n,o){let s=new Float32Array(e*o);for(let i=0;i<e;i++)for(let a=0;a<o;a++){let l=0;for(let c=0;c<n;c++)l+=r[i*n+c]*t[c*o+a];s[i*o+a]=l}return s}function vo({rows:r,columns:t,values:e,sampled:n,every:o}){return wt({rows:r,columns:t,sampled:n,every:o},{values:vt(e,r,t)})}function xo(r){let t=et(r),{rows:e,columns:n,sampled:o,every:s}=t.meta;return{rows:e,columns:n,sampled:o,every:s,values:mt(t,"values")}}function ko({received:r,entropy:t,sampled:e}){return wt({sampled:e},{received:vt(r,r.length),entropy:vt(t,t.length)})}function Ao(r){let t=et(r),{sampled:e}=t.meta;return{sampled:e,received:mt(t,"received"),entropy:mt(t,"entropy")}}function So({heads:r,rows:t,columns:e,mean:n,max:o}){let s=[r,t,e];return wt({heads:r,rows:t,columns:e},{mean:vt(n,...s),max:vt(o,...s)})}function Mo(r){let t=et(r),{heads:e,rows:n,columns:o}=t.meta;return{heads:e,rows:n,columns:o,mean:mt(t,"mean"),max:mt(t,"max")}}function Eo(r){let{queries:t,keys:e,dim:n,scale:o,softcap:s,sink:i,valueDim:a,positions:l,rest:c,hidden:h}=r,u={...l?{positions:l,rest:c??0}:{},...h===void 0?{}:{hidden:h}},p={queries:t,keys:e,dim:n,scale:o,softcap:s,sink:i,valueDim:a,...u},m={},d=(f,g,y)=>{let w=r[f];w&&(m[f]=vt(w,g,y))};d("query",t,n),d("key",e,n),d("value",e,a);for(let f of["scores","scaled","capped","biased","masked","weights"])d(f,t,e);return d("output",t,a),wt(p,m)}function To(r){let t=et(r),e=o=>mt(t,o),n=o=>t.arrays.has(o)?mt(t,o):null;return{...t.meta,query:e("query"),key:e("key"),value:n("value"),scores:e("scores"),scaled:e("scaled"),capped:n("capped"),biased:n("biased"),masked:n("masked"),weights:e("weights"),output:n("output")}}function _n(r){return{maps:r.maps.map(({heads:t,queries:e,keys:n,rowAxes:o,columnAxis:s})=>({heads:t,queries:e,keys:n,rowAxes:o,columnAxis:s})),special:Object.fromEntries(Object.entries(r.axes).map(([t,e])=>[t,e.special]))}}var Rl=2**28,$o=2**20,Oe=class{constructor(t,e,n){this.shapes=t;this.load=e;this.mostWork=n}shapes;load;mostWork;maps=new Map;sizes=new Map;overviews=null;async begin(t,e){let{map:n}=e,o=this.shapes.maps[n];if(!o)throw new Error(`expected a map from 0 to ${this.shapes.maps.length-1}, got ${n}`);let{rowAxis:s=0}=e;if(!o.rowAxes[s])throw new Error(`expected a row axis below ${o.rowAxes.length}, got ${s}`);let i={rows:new Set(this.shapes.special[o.rowAxes[s]]),columns:new Set(this.shapes.special[o.columnAxis])};switch(t){case"region":{let a=e,[l,c]=Po(o,a);if(l*c>$o)throw new Error(`expected at most ${$o} cells, got ${l} \xD7 ${c}; ask for larger cells`);if(!["mean","max","mass"].includes(a.how))throw new Error(`expected mean, max or mass, got ${a.how}`);return Lo(mo(await this.map(n),i,a,this.mostWork),vo)}case"margins":return Po(o,e),Lo(fo(await this.map(n),i,e),ko);case"overview":return this.overviews??=this.unpacked("overviews"),Oo(So(so(await this.overviews,n)));case"steps":{let{head:a,query:l=null,key:c=null}=e;qo(o,a);for(let[u,p,m]of[["query",l,o.queries],["key",c,o.keys]])if(p!==null&&!(Number.isInteger(p)&&p>=0&&p<m))throw new Error(`expected a ${u} below ${m}, got ${p}`);let h=await this.map(n);if(!(h instanceof Yt))throw new Error(`expected a map kept as queries and keys, got map ${n} of dense weights, which has no steps`);return Oo(Eo(wo(h,a,l===null?null:{query:l,key:c})))}default:throw new Error(`expected a question of region, margins, overview and steps, got ${t}`)}}async map(t){let e=this.maps.get(t);this.maps.delete(t),e??=this.unpacked(`map-${t}`).then(ql),this.maps.set(t,e);try{this.sizes.set(t,(await e).bytes)}catch(o){throw this.maps.get(t)===e&&this.maps.delete(t),o}let n=0;for(let o of[...this.maps.keys()].reverse())n+=this.sizes.get(o)??0,n>Rl&&o!==t&&this.maps.delete(o);return e}async unpacked(t){return et(await this.load(t))}};function ql(r){let{kind:t}=r.meta;if(t==="factors")return new Yt(r);if(t==="dense")return new Ae(r);throw new Error(`expected a map kept as "factors" or "dense", got ${t}`)}function*Lo(r,t){return t(yield*r)}function*Oo(r){return r}function Po(r,t){let{heads:e,rows:n,columns:o}=t;if(e.length===0)throw new Error("expected one head or more, got none");for(let s of e)qo(r,s);return[Co("rows",n,r.queries),Co("columns",o,r.keys)]}function qo(r,t){if(!(Number.isInteger(t)&&t>=0&&t<r.heads))throw new Error(`expected a head from 0 to ${r.heads-1}, got ${t}`)}function Co(r,t,e){if("starts"in t){let{starts:n,stops:o}=t;if(n.length!==o.length)throw new Error(`${r}: expected as many stops as starts, got ${n.length} and ${o.length}`);return n.forEach((s,i)=>{Ro(r,s,o[i],e)}),n.length}if(Ro(r,t.start,t.stop,e),!(Number.isInteger(t.count)&&t.count>=0))throw new Error(`${r}: expected a whole number of cells, got ${t.count}`);return t.count}function Ro(r,t,e,n){if(!(Number.isInteger(t)&&Number.isInteger(e)&&0<=t&&t<=e&&e<=n))throw new Error(`${r}: expected cells within 0 \u2026 ${n}, got ${t} \u2026 ${e}`)}function No(r){let t=r.getElementById("regard-manifest")?.textContent;if(!t)throw new Error("expected a manifest in the page (#regard-manifest), got none; is the file whole?");return JSON.parse(t)}function Io(r,t){let e=r.querySelector(`script[data-regard="${t}"]`)?.textContent;if(!e)throw new Error(`expected "${t}" among the data of the page, got none; is the file whole?`);return e}async function Ho(r){let t=Nl(r.trim()),e=new Blob([t]).stream().pipeThrough(new DecompressionStream("gzip"));return new Response(e).arrayBuffer()}function Nl(r){return Uint8Array.fromBase64?.(r)??Hl(r)}var Il="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";function Hl(r){if(r.length%4!==0)throw new Error(`expected base64 in fours of characters, got ${r.length} of them`);let t=new Uint8Array(128).fill(255);for(let a=0;a<64;a++)t[Il.charCodeAt(a)]=a;let e=r.endsWith("==")?2:r.endsWith("=")?1:0,n=r.length-e,o=new Uint8Array(r.length/4*3-e),s=0,i=0;for(let a=0,l=0;a<n;a++){let c=t[r.charCodeAt(a)]??255;i|=c&64,s=s<<6|c,a%4!==0&&(o[l++]=s>>6-2*(a%4))}if(i)throw new Error("expected base64, got other characters among it");return o}var Pe=class{constructor(t,e){this.engine=t;this.slice=e}engine;slice;tasks=[];running=!1;async ask(t,e,n){await Fo(),n.throwIfAborted();let o=await this.engine.begin(t,e);return new Promise((s,i)=>{this.tasks.push({work:o,slices:0,signal:n,resolve:s,reject:i}),this.running||this.run()})}async run(){for(this.running=!0;this.tasks.length>0;){let t=this.tasks.reduce((e,n)=>n.slices<e.slices?n:e);this.advance(t)&&this.tasks.splice(this.tasks.indexOf(t),1),await Fo()}this.running=!1}advance(t){t.slices++;try{t.signal.throwIfAborted();let e=performance.now()+this.slice;do{let{done:n,value:o}=t.work.next();if(n)return t.resolve(o),!0}while(performance.now()<e);return!1}catch(e){return t.reject(e),!0}}};function Fo(){return new Promise(r=>{let{port1:t,port2:e}=new MessageChannel;t.onmessage=()=>{t.close(),r()},e.postMessage(null)})}function Qt(r,t){return t?new Promise((e,n)=>{let o=()=>n(t.reason);t.aborted&&o(),t.addEventListener("abort",o,{once:!0}),r.then(e,n).finally(()=>t.removeEventListener("abort",o))}):r}function Bo(r,t){let e,n=new Promise(o=>{e=setTimeout(o,r)});return Qt(n,t).finally(()=>clearTimeout(e))}var Fl=8;function zo(r=document,t=Ul){let e=No(r),n=i=>Io(r,i),o=Bl(e,n,t).catch(()=>Uo(e,n)),s=new AbortController;return{async ask(i,a,l){if(i==="manifest")return wt(e,{});let c=AbortSignal.any([s.signal,...l?[l]:[]]);c.throwIfAborted();let h=await o;c.throwIfAborted();try{return await Qt(h.ask(i,a,c),c)}catch(u){throw u instanceof Ce&&(o=Promise.resolve(Uo(e,n))),u}},close(){s.abort(new Error("the viewer is closed")),o.then(i=>i.close())}}}function Uo(r,t){let e=new Oe(_n(r),async o=>Ho(t(o))),n=new Pe(e,Fl);return{ask:(o,s,i)=>n.ask(o,s,i),close(){}}}var Ce=class extends Error{};function Bl(r,t,e){return new Promise((n,o)=>{let s=e(),i=new Map,a=0,l=null,c=(u,p,m)=>new Promise((d,f)=>{if(l)return f(l);let g=++a;i.set(g,{resolve:d,reject:f}),s.postMessage({id:g,question:u,request:p}),m.addEventListener("abort",()=>i.delete(g)&&s.postMessage({abort:g}),{once:!0})}),h=u=>{try{return{name:u,text:t(u)}}catch(p){return{name:u,error:p.message}}};s.onmessage=({data:u})=>{if("ready"in u)return n({ask:c,close:()=>s.terminate()});if("need"in u)return s.postMessage(h(u.need));let p=i.get(u.id);i.delete(u.id),"error"in u?p?.reject(new Error(u.error)):p?.resolve(u.answer)},s.onerror=({message:u})=>{l=new Ce(`the page's worker stopped (${u||"no reason given"}); ask again`),s.terminate(),o(l);for(let p of i.values())p.reject(l);i.clear()},s.postMessage({shapes:_n(r)})})}function Ul(){let r=URL.createObjectURL(new Blob(['"use strict";(()=>{function R(t,e,r){let n=t.arrays.get(e);if(!n)throw new Error(`expected an array "${e}" in the map\'s data, got ${[...t.arrays.keys()].join(", ")}`);if(n.shape.join()!==r.join())throw new Error(`expected "${e}" of shape (${r.join(", ")}), got (${n.shape.join(", ")})`);return n}function E(t,e,r){let{data:n,dtype:o}=R(t,e,r);if(!(n instanceof Float32Array))throw new Error(`expected "${e}" of float32, got ${o}`);return n}function Z(t,e,r){let{data:n,dtype:o}=R(t,e,r);if(!(n instanceof Float64Array))throw new Error(`expected "${e}" of float64, got ${o}`);return n}function _(t){let e=0;for(let{data:r}of t.arrays.values())e+=r.byteLength;return e}var j=class{heads;queries;keys;received;entropy;bytes;weights;low;step;constructor(e){let{heads:r,queries:n,keys:o,low:s,step:i}=e.meta;this.heads=r,this.queries=n,this.keys=o,this.received=E(e,"received",[r,o]),this.entropy=E(e,"entropy",[r,n]);let{data:a,dtype:l}=R(e,"weights",[r,n,o]);this.weights=a,this.low=l==="float32"?0:s,this.step=l==="float32"?1:i,this.bytes=_(e)}work(e,r,n,o){return o-n}addRows(e,r,n,o,s,i,a,l){let{weights:c,low:u,step:f}=this;for(let p=0;p<r.length;p++){let m=(e*this.queries+r[p])*this.keys+n,y=p*l+a;for(let d=n;d<o;d++)i[y++]+=s*(u+c[m++]*f)}}};var W=class t{constructor(e,r){this.first=e;this.ends=r}first;ends;static ofHeads(e,r,n,o){if(!e.arrays.has("runs_of_head"))return new Array(r).fill(t.all(n,o));let s=new Map;return Array.from(R(e,"runs_of_head",[r]).data,i=>{let a=s.get(i);if(!a){let l=ee(e,`runs.${i}.first`,[n+1]);a=new t(l,ee(e,`runs.${i}.ends`,[l[n],2])),s.set(i,a)}return a})}static all(e,r){let n=Int32Array.from({length:e+1},(s,i)=>i),o=Int32Array.from({length:2*e},(s,i)=>i%2?r:0);return new t(n,o)}count(e,r,n){let o=0;for(let s=this.first[e];s<this.first[e+1];s++){let i=Math.max(r,this.ends[2*s]),a=Math.min(n,this.ends[2*s+1]);a>i&&(o+=a-i)}return o}};function ee(t,e,r){let{data:n,dtype:o}=R(t,e,r);if(!(n instanceof Int32Array))throw new Error(`expected "${e}" of int32, got ${o}`);return n}var $=256,Ue=20,re=2**27,P=class{constructor(e){this.packed=e;let r=e.meta,{heads:n,kvHeads:o,queries:s,keys:i,dim:a}=r;this.meta=r,this.heads=n,this.queries=s,this.keys=i,this.received=E(e,"received",[n,i]),this.entropy=E(e,"entropy",[n,s]),this.logsumexp=Z(e,"logsumexp",[n,s]),this.query=new N(e,"query",n,s,a),this.key=new N(e,"key",o,i,a),this.visible=W.ofHeads(e,n,s,i),this.masked=e.arrays.has("runs_of_head"),this.bias=Y.of(e,s,i),this.bytes=_(e)+Math.min(re,4*o*i*a)}packed;meta;heads;queries;keys;received;entropy;bytes;visible;masked;logsumexp;query;key;bias;decoded=new Map;work(e,r,n,o){let s=this.meta.dim+(this.meta.softcap===null?1:3)*Ue;return this.visible[e].count(r,n,o)*s}addRows(e,r,n,o,s,i,a,l){let{dim:c,scale:u}=this.meta,{first:f,ends:p}=this.visible[e],m=this.keysOf(e),y=new Float64Array($),d=new Float64Array(2*$),[k,v]=[d.subarray(0,$),d.subarray($)],g=new Float64Array(r.length*c);r.forEach((h,w)=>{this.query.read(e,h,u,g,w*c)});let O=(h,w,x,b)=>this.addWeights(e,r[h],w,x,b,s,i,h*l+a+w-n),I=Int32Array.from(r,h=>f[h]);for(let h=n;h<o;h+=$){let w=Math.min(o,h+$),x=-1;for(let b=0;b<r.length;b++){let B=f[r[b]+1],F=I[b];for(;F<B&&p[2*F+1]<=h;)F++;if(I[b]=F,F<B&&p[2*F]<=h&&p[2*F+1]>=w){if(x<0){x=b;continue}Te(g,x*c,b*c,m,c,h,w,d),O(x,h,w,k),O(b,h,w,v),x=-1;continue}for(;F<B&&p[2*F]<w;F++){let M=Math.max(h,p[2*F]),A=Math.min(w,p[2*F+1]);te(g,b*c,m,c,M,A,y),O(b,M,A,y)}}x>=0&&(te(g,x*c,m,c,h,w,y),O(x,h,w,y))}}vectorsOf(e){let{dim:r}=this.meta,n=new Float32Array(this.queries*r);for(let o=0;o<this.queries;o++)this.query.read(e,o,1,n,o*r);return{query:n,key:this.keysOf(e).slice()}}biasOf(e){let{bias:r}=this;return r&&((n,o)=>r.at(e,n,o))}addWeights(e,r,n,o,s,i,a,l){let{softcap:c}=this.meta,{bias:u}=this,f=this.logsumexp[e*this.queries+r];if(f===-1/0)return;let p=o-n;if(c!==null)for(let m=0;m<p;m++)s[m]=c*Math.tanh(s[m]/c);if(u)for(let m=0;m<p;m++)s[m]+=u.at(e,r,n+m);for(let m=0;m<p;m++)a[l+m]+=i*Math.exp(s[m]-f)}keysOf(e){let{heads:r,kvHeads:n,dim:o}=this.meta,s=Math.floor(e/(r/n)),i=this.decoded.get(s);if(!i){i=new Float32Array(this.keys*o);for(let l=0;l<this.keys;l++)this.key.read(s,l,1,i,l*o);let a=Math.floor(re/Math.max(1,i.byteLength));for(let l of this.decoded.keys()){if(this.decoded.size<Math.max(1,a))break;this.decoded.delete(l)}this.decoded.set(s,i)}return i}};function te(t,e,r,n,o,s,i){let a=e+n,l=o;for(;l+4<=s;l+=4){let c=l*n,u=c+n,f=u+n,p=f+n,m=0,y=0,d=0,k=0;for(let v=e;v<a;v++){let g=t[v];m+=g*r[c++],y+=g*r[u++],d+=g*r[f++],k+=g*r[p++]}i[l-o]=m,i[l-o+1]=y,i[l-o+2]=d,i[l-o+3]=k}for(;l<s;l++){let c=0;for(let u=0;u<n;u++)c+=t[e+u]*r[l*n+u];i[l-o]=c}}function Te(t,e,r,n,o,s,i,a){let l=s;for(;l+4<=i;l+=4){let c=l*o,u=c+o,f=u+o,p=f+o,m=0,y=0,d=0,k=0,v=0,g=0,O=0,I=0;for(let w=0;w<o;w++){let x=t[e+w],b=t[r+w],B=n[c++],F=n[u++],M=n[f++],A=n[p++];m+=x*B,y+=x*F,d+=x*M,k+=x*A,v+=b*B,g+=b*F,O+=b*M,I+=b*A}let h=l-s;a[h]=m,a[h+1]=y,a[h+2]=d,a[h+3]=k,a[$+h]=v,a[$+h+1]=g,a[$+h+2]=O,a[$+h+3]=I}for(;l<i;l++){a[l-s]=0,a[$+l-s]=0;for(let c=0;c<o;c++)a[l-s]+=t[e+c]*n[l*o+c],a[$+l-s]+=t[r+c]*n[l*o+c]}}var N=class{constructor(e,r,n,o,s){this.count=o;this.dim=s;this.values=R(e,r,[n,o,s]),this.steps=this.values.dtype==="float32"?null:E(e,`${r}_step`,[n,o])}count;dim;values;steps;read(e,r,n,o,s){let{data:i}=this.values,a=e*this.count+r,l=this.steps?this.steps[a]*n:n,c=a*this.dim;for(let u=0;u<this.dim;u++)o[s+u]=i[c+u]*l}},Y=class t{constructor(e,r,n,o,s){this.values=e;this.ofHead=r;this.ofQuery=n;this.ofKey=o;this.start=s}values;ofHead;ofQuery;ofKey;start;static of(e,r,n){let o=e.arrays.get("bias_relative");if(o){let[u]=o.shape,f=E(e,"bias_relative",[u,r+n-1]);return new t(f,u===1?0:r+n-1,-1,1,r-1)}let s=e.arrays.get("bias");if(!s)return null;let[i,a,l]=s.shape,c=E(e,"bias",[i,a===1?1:r,l===1?1:n]);return new t(c,i===1?0:a*l,a===1?0:l,l===1?0:1,0)}at(e,r,n){return this.values[this.start+e*this.ofHead+r*this.ofQuery+n*this.ofKey]}};function oe(t,e){let r=t.arrays.get(`mean.${e}`);if(!r)throw new Error(`expected an overview of map ${e} in the page, got ${[...t.arrays.keys()].join(", ")}`);let[n,o,s]=r.shape;return{heads:n,rows:o,columns:s,mean:ne(t,e,"mean",r.shape,0),max:ne(t,e,"max",r.shape,1)}}function ne(t,e,r,n,o){let{data:s}=R(t,`${r}.${e}`,n);if(s instanceof Float32Array)return s.slice();let[i]=n,a=E(t,`scale.${e}`,[i,2]),l=s.length/i;return Float32Array.from(s,(c,u)=>(c/255)**2*a[2*Math.floor(u/l)+o])}var C={float32:Float32Array,float64:Float64Array,uint8:Uint8Array,uint16:Uint16Array,int32:Int32Array},L={int12p:2048,int16p:32768};function J(t){let{buffer:e,start:r,length:n}=Pe(t),o=new DataView(e,r,n);if(n<8||o.getUint32(0,!0)!==826558290)throw new Error("expected packed bytes that begin with RGD1, got others; is the answer whole?");let s=o.getUint32(4,!0),i=8+s;if(i>n)throw new Error(`expected a description of ${s} bytes, got ${n-8} bytes`);r%8!==0&&(e=e.slice(r,r+n),r=0);let a=new TextDecoder().decode(new Uint8Array(e,r+8,s)),{meta:l,arrays:c}=JSON.parse(a),u=new Map;for(let{name:f,dtype:p,shape:m,offset:y}of c){let d=m.reduce((v,g)=>v*g,1),k=i+y;if(k+G(p,d)>n)throw new Error(`expected ${G(p,d)} bytes of ${f}, got ${n-k}`);u.set(f,{dtype:p,shape:m,data:De(e,r+k,p,d)})}return{meta:l,arrays:u}}function D(t,e){let r=0,n=Object.entries(e).map(([c,{dtype:u,shape:f,data:p}])=>{let m=r;return r=se(m+G(u,p.length)),{name:c,dtype:u,shape:f,offset:m}}),o=new TextEncoder().encode(JSON.stringify({meta:t,arrays:n})),s=se(o.length),i=new ArrayBuffer(8+s+r),a=new DataView(i);a.setUint32(0,826558290,!0),a.setUint32(4,s,!0);let l=new Uint8Array(i);l.fill(32,8,8+s),l.set(o,8);for(let{name:c,dtype:u,offset:f}of n)qe(l,8+s+f,u,e[c].data);return i}function T(t,...e){return{dtype:"float32",shape:e,data:t}}function Pe(t){return ArrayBuffer.isView(t)?{buffer:t.buffer,start:t.byteOffset,length:t.byteLength}:{buffer:t,start:0,length:t.byteLength}}function se(t){return t+7&-8}function G(t,e){if(t==="int12p")return e+(e+1>>1);if(t==="int16p")return 2*e;if(!(t in C))throw new Error(`expected a type of ${Object.keys({...C,...L})}, got ${t}`);return e*C[t].BYTES_PER_ELEMENT}function De(t,e,r,n){if(r!=="int12p"&&r!=="int16p")return new C[r](t,e,n);let o=new Uint8Array(t,e,G(r,n)),s=new Int16Array(n);if(r==="int16p")for(let i=0;i<n;i++)s[i]=(o[i]<<8|o[n+i])-L.int16p;else for(let i=0;i<n;i++){let a=o[n+(i>>1)]>>4*(i&1)&15;s[i]=(o[i]<<4|a)-L.int12p}return s}function qe(t,e,r,n){if(r!=="int12p"&&r!=="int16p"){t.set(new Uint8Array(n.buffer,n.byteOffset,n.byteLength),e);return}let o=n.length;for(let s=0;s<o;s++){let i=n[s]+L[r];r==="int16p"?(t[e+s]=i>>8,t[e+o+s]=i&255):(t[e+s]=i>>4,t[e+o+(s>>1)]|=(i&15)<<4*(s&1))}}function ae(t){if("starts"in t)return{starts:t.starts,stops:t.stops,count:t.starts.length};let{start:e,stop:r,count:n}=t,o=a=>e+Math.floor(a*(r-e)/n),s=Array.from({length:n},(a,l)=>o(l)),i=Array.from({length:n},(a,l)=>o(l+1));return{starts:s,stops:i,count:n}}function q(t,e){let{starts:r,stops:n,count:o}=ae(t),s=new Int32Array(o+1),i=0;for(let c=0;c<o;c++)i+=n[c]-r[c];let a=new Int32Array(i),l=0;for(let c=0;c<o;c++){for(let u=r[c];u<n[c];u++)e.has(u)||(a[l++]=u);s[c+1]=l}return{count:o,first:s,positions:a.subarray(0,l)}}function ie(t,e){let{count:r}=t,n=new Int32Array(r+1);for(let s=0;s<r;s++)n[s+1]=n[s]+Math.min(e,t.first[s+1]-t.first[s]);let o=new Int32Array(n[r]);for(let s=0;s<r;s++){let i=t.first[s+1]-t.first[s],a=n[s+1]-n[s];for(let l=0;l<a;l++)o[n[s]+l]=t.positions[t.first[s]+Math.floor((2*l+1)*i/(2*a))]}return{count:r,first:n,positions:o}}function le(t){let e=0;for(let r=0;r<t.count;r++)e=Math.max(e,t.first[r+1]-t.first[r]);return e}function ce(t){let e=new Int32Array(t.positions.length);for(let r=0;r<t.count;r++)e.fill(r,t.first[r],t.first[r+1]);return e}function ue(t,e){let r=t.positions.slice().sort(),n=[];for(let o of r)n.length===0||o>=n[n.length-1]+e?n.push(o,o+1):n[n.length-1]=Math.max(n[n.length-1],o+1);return Int32Array.from(n)}var _e=4e9,je=2**22,We=2**18,Ne=64,Ce=32,H=new Set;function*me(t,e,r,n=_e){let{heads:o,how:s,renormalise:i}=r,a=r.hideSpecial?e:{rows:H,columns:H},l=q(r.columns,a.columns),c=i?Int32Array.of(0,t.keys):ue(l,Ce),u=q(r.rows,a.rows),{members:f,sample:p}=Le(t,o,u,c,r.sample,n),m=new Float64Array(f.count*l.count).fill(s==="max"?-1/0:0),{width:y,place:d}=Ge(c),k=l.positions.map(d),v=ce(f);for(let g of ye(t,o,f.positions,c,y)){if(g)for(let O=0;O<g.count;O++){let I=g.weights.subarray(O*y,(O+1)*y);i&&He(I,a.columns);let h=v[g.start+O]*l.count;s==="max"?ze(I,l.first,k,m,h):Ve(I,l.first,k,m,h)}yield}return{rows:f.count,columns:l.count,values:Ke(m,f,l,s),sampled:p,every:1}}function*pe(t,e,r){let{heads:n}=r,o=r.hideSpecial?e:{rows:H,columns:H},s=q(r.columns,o.columns),i=q(r.rows,o.rows),a=Q(s,u=>fe(t.received,n,t.keys,u)),l=u=>fe(t.entropy,n,t.queries,u);if(n.length===1||n.length*t.queries*t.keys>je)return{received:a,entropy:Q(i,l),sampled:0};let c=new Float64Array(i.positions.length);for(let u of ye(t,n,i.positions,Int32Array.of(0,t.keys),t.keys)){if(u)for(let f=0;f<u.count;f++)c[u.start+f]=Ye(u.weights.subarray(f*t.keys,(f+1)*t.keys));yield}return{received:a,entropy:Q(i,(u,f)=>c[f]),sampled:0}}function Le(t,e,r,n,o,s){let i=le(r),a=u=>u>=i?r:ie(r,u),l=u=>{let f=0;for(let p of e)for(let m of u.positions)for(let y=0;y<n.length;y+=2)f+=t.work(p,m,n[y],n[y+1]);return f},c=o>0?Math.min(o,i):i;if(c>1&&l(a(c))>s){let u=c;for(c=1;u-c>1;){let f=c+u>>1;l(a(f))>s?u=f:c=f}}return{members:a(c),sample:c<i?c:0}}function*ye(t,e,r,n,o){let s=Math.max(1,Math.min(Ne,Math.floor(We/Math.max(1,o)),r.length)),i=new Float32Array(s*o);for(let a=0;a<r.length;a+=s){let l=r.subarray(a,a+s);i.fill(0);for(let c of e){let u=0;for(let f=0;f<n.length;f+=2)t.addRows(c,l,n[f],n[f+1],1/e.length,i,u,o),u+=n[f+1]-n[f];yield null}yield{start:a,count:l.length,weights:i}}}function Ge(t){let e=[],r=0;for(let o=0;o<t.length;o+=2)e.push(r),r+=t[o+1]-t[o];return{width:r,place:o=>{let s=0,i=e.length-1;for(;s<i;){let a=s+i+1>>1;t[2*a]<=o?s=a:i=a-1}return e[s]+o-t[2*s]}}}function He(t,e){let r=e.size>0?t.slice():t;for(let o of e)r[o]=0;let n=0;for(let o of r)n+=o;if(n!==0)for(let o=0;o<t.length;o++)t[o]/=n}function Ve(t,e,r,n,o){for(let s=0;s<e.length-1;s++){let i=0;for(let a=e[s];a<e[s+1];a++)i+=t[r[a]];n[o+s]+=i}}function ze(t,e,r,n,o){for(let s=0;s<e.length-1;s++){let i=n[o+s];for(let a=e[s];a<e[s+1];a++){let l=t[r[a]];l>i&&(i=l)}n[o+s]=i}}function Ke(t,e,r,n){let o=new Float32Array(t.length);for(let s=0;s<e.count;s++){let i=e.first[s+1]-e.first[s];for(let a=0;a<r.count;a++){let l=r.first[a+1]-r.first[a],c=s*r.count+a;i===0||l===0||(o[c]=n==="max"?t[c]:t[c]/(n==="mean"?i*l:i))}}return o}function Q(t,e){let r=new Float32Array(t.count);for(let n=0;n<t.count;n++){let o=0;for(let s=t.first[n];s<t.first[n+1];s++)o+=e(t.positions[s],s);r[n]=o/Math.max(1,t.first[n+1]-t.first[n])}return r}function fe(t,e,r,n){let o=0;for(let s of e)o+=t[s*r+n];return o/e.length}function Ye(t){let e=0;for(let r of t)r>0&&(e-=r*Math.log(r));return e}var he=2**20,Je=24;function be(t,e,r=null){let{meta:n}=t,{dim:o,scale:s,softcap:i}=n;if(!r&&t.queries*t.keys>he)throw new Error(`expected a map of at most ${he} weights, got ${t.queries} \\xD7 ${t.keys}; ask for one query`);let{query:a,key:l}=t.vectorsOf(e),c=r?Qe(t,e,r):null,u=r?[r.query]:Array.from({length:t.queries},(M,A)=>A),f=c?.positions??Array.from({length:t.keys},(M,A)=>A),[p,m]=[u.length,f.length],y=M=>{let A=new Float64Array(p*m),S=0;for(let U of u)for(let Be of f)A[S]=M(U,Be,S++);return A},d=y((M,A)=>{let S=0;for(let U=0;U<o;U++)S+=a[M*o+U]*l[A*o+U];return S}),k=y((M,A,S)=>d[S]*s),v=i===null?null:y((M,A,S)=>i*Math.tanh(k[S]/i)),g=t.biasOf(e),O=g&&y((M,A,S)=>(v??k)[S]+g(M,A)),I=O??v??k,h=t.visible[e],w=t.masked?y((M,A,S)=>h.count(M,A,A+1)?I[S]:-1/0):null,x=y((M,A,S)=>{let U=t.logsumexp[e*t.queries+M];return U===-1/0?0:Math.exp((w??I)[S]-U)}),b=Xe(t,e),B=t.packed.arrays.has("sinks")?E(t.packed,"sinks",[t.heads])[e]:-1/0,F=c?.weights??x;return{queries:p,keys:m,dim:o,scale:s,softcap:i,sink:Number.isFinite(B)?B:null,query:X(a,u,o),key:X(l,f,o),value:b&&X(b.vectors,f,b.dim),valueDim:b?b.dim:0,scores:Float32Array.from(d),scaled:Float32Array.from(k),capped:v&&Float32Array.from(v),biased:O&&Float32Array.from(O),masked:w&&Float32Array.from(w),weights:Float32Array.from(x),output:b&&Ze(F,b.vectors,p,t.keys,b.dim),positions:c?.positions??null,rest:c?Math.max(0,de(F)-de(x)):0,...c&&t.masked?{hidden:t.keys-h.count(u[0],0,t.keys)}:{}}}function Qe(t,e,{query:r,key:n}){let o=new Float32Array(t.keys);t.addRows(e,Int32Array.of(r),0,t.keys,1,o,0,t.keys);let s=Array.from(o.keys()).sort((a,l)=>o[l]-o[a]||a-l).slice(0,Je),i=new Set(n===null?s:[...s,n]);return{weights:o,positions:[...i].sort((a,l)=>a-l)}}function X(t,e,r){let n=new Float32Array(e.length*r);return e.forEach((o,s)=>{n.set(t.subarray(o*r,(o+1)*r),s*r)}),n}function de(t){let e=0;for(let r=0;r<t.length;r++)e+=t[r];return e}function Xe(t,e){let{heads:r,kvHeads:n}=t.meta,o=t.packed.arrays.get("value");if(!o)return null;let s=o.shape[2],i=E(t.packed,"value",[n,t.keys,s]),a=Math.floor(e/(r/n))*t.keys*s;return{vectors:i.slice(a,a+t.keys*s),dim:s}}function Ze(t,e,r,n,o){let s=new Float32Array(r*o);for(let i=0;i<r;i++)for(let a=0;a<o;a++){let l=0;for(let c=0;c<n;c++)l+=t[i*n+c]*e[c*o+a];s[i*o+a]=l}return s}function ge({rows:t,columns:e,values:r,sampled:n,every:o}){return D({rows:t,columns:e,sampled:n,every:o},{values:T(r,t,e)})}function we({received:t,entropy:e,sampled:r}){return D({sampled:r},{received:T(t,t.length),entropy:T(e,e.length)})}function Ae({heads:t,rows:e,columns:r,mean:n,max:o}){let s=[t,e,r];return D({heads:t,rows:e,columns:r},{mean:T(n,...s),max:T(o,...s)})}function ke(t){let{queries:e,keys:r,dim:n,scale:o,softcap:s,sink:i,valueDim:a,positions:l,rest:c,hidden:u}=t,f={...l?{positions:l,rest:c??0}:{},...u===void 0?{}:{hidden:u}},p={queries:e,keys:r,dim:n,scale:o,softcap:s,sink:i,valueDim:a,...f},m={},y=(d,k,v)=>{let g=t[d];g&&(m[d]=T(g,k,v))};y("query",e,n),y("key",r,n),y("value",r,a);for(let d of["scores","scaled","capped","biased","masked","weights"])y(d,e,r);return y("output",e,a),D(p,m)}var er=2**28,ve=2**20,V=class{constructor(e,r,n){this.shapes=e;this.load=r;this.mostWork=n}shapes;load;mostWork;maps=new Map;sizes=new Map;overviews=null;async begin(e,r){let{map:n}=r,o=this.shapes.maps[n];if(!o)throw new Error(`expected a map from 0 to ${this.shapes.maps.length-1}, got ${n}`);let{rowAxis:s=0}=r;if(!o.rowAxes[s])throw new Error(`expected a row axis below ${o.rowAxes.length}, got ${s}`);let i={rows:new Set(this.shapes.special[o.rowAxes[s]]),columns:new Set(this.shapes.special[o.columnAxis])};switch(e){case"region":{let a=r,[l,c]=Fe(o,a);if(l*c>ve)throw new Error(`expected at most ${ve} cells, got ${l} \\xD7 ${c}; ask for larger cells`);if(!["mean","max","mass"].includes(a.how))throw new Error(`expected mean, max or mass, got ${a.how}`);return xe(me(await this.map(n),i,a,this.mostWork),ge)}case"margins":return Fe(o,r),xe(pe(await this.map(n),i,r),we);case"overview":return this.overviews??=this.unpacked("overviews"),Me(Ae(oe(await this.overviews,n)));case"steps":{let{head:a,query:l=null,key:c=null}=r;Ee(o,a);for(let[f,p,m]of[["query",l,o.queries],["key",c,o.keys]])if(p!==null&&!(Number.isInteger(p)&&p>=0&&p<m))throw new Error(`expected a ${f} below ${m}, got ${p}`);let u=await this.map(n);if(!(u instanceof P))throw new Error(`expected a map kept as queries and keys, got map ${n} of dense weights, which has no steps`);return Me(ke(be(u,a,l===null?null:{query:l,key:c})))}default:throw new Error(`expected a question of region, margins, overview and steps, got ${e}`)}}async map(e){let r=this.maps.get(e);this.maps.delete(e),r??=this.unpacked(`map-${e}`).then(rr),this.maps.set(e,r);try{this.sizes.set(e,(await r).bytes)}catch(o){throw this.maps.get(e)===r&&this.maps.delete(e),o}let n=0;for(let o of[...this.maps.keys()].reverse())n+=this.sizes.get(o)??0,n>er&&o!==e&&this.maps.delete(o);return r}async unpacked(e){return J(await this.load(e))}};function rr(t){let{kind:e}=t.meta;if(e==="factors")return new P(t);if(e==="dense")return new j(t);throw new Error(`expected a map kept as "factors" or "dense", got ${e}`)}function*xe(t,e){return e(yield*t)}function*Me(t){return t}function Fe(t,e){let{heads:r,rows:n,columns:o}=e;if(r.length===0)throw new Error("expected one head or more, got none");for(let s of r)Ee(t,s);return[Oe("rows",n,t.queries),Oe("columns",o,t.keys)]}function Ee(t,e){if(!(Number.isInteger(e)&&e>=0&&e<t.heads))throw new Error(`expected a head from 0 to ${t.heads-1}, got ${e}`)}function Oe(t,e,r){if("starts"in e){let{starts:n,stops:o}=e;if(n.length!==o.length)throw new Error(`${t}: expected as many stops as starts, got ${n.length} and ${o.length}`);return n.forEach((s,i)=>{Se(t,s,o[i],r)}),n.length}if(Se(t,e.start,e.stop,r),!(Number.isInteger(e.count)&&e.count>=0))throw new Error(`${t}: expected a whole number of cells, got ${e.count}`);return e.count}function Se(t,e,r,n){if(!(Number.isInteger(e)&&Number.isInteger(r)&&0<=e&&e<=r&&r<=n))throw new Error(`${t}: expected cells within 0 \\u2026 ${n}, got ${e} \\u2026 ${r}`)}async function Ie(t){let e=tr(t.trim()),r=new Blob([e]).stream().pipeThrough(new DecompressionStream("gzip"));return new Response(r).arrayBuffer()}function tr(t){return Uint8Array.fromBase64?.(t)??or(t)}var nr="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";function or(t){if(t.length%4!==0)throw new Error(`expected base64 in fours of characters, got ${t.length} of them`);let e=new Uint8Array(128).fill(255);for(let a=0;a<64;a++)e[nr.charCodeAt(a)]=a;let r=t.endsWith("==")?2:t.endsWith("=")?1:0,n=t.length-r,o=new Uint8Array(t.length/4*3-r),s=0,i=0;for(let a=0,l=0;a<n;a++){let c=e[t.charCodeAt(a)]??255;i|=c&64,s=s<<6|c,a%4!==0&&(o[l++]=s>>6-2*(a%4))}if(i)throw new Error("expected base64, got other characters among it");return o}var z=class{constructor(e,r){this.engine=e;this.slice=r}engine;slice;tasks=[];running=!1;async ask(e,r,n){await $e(),n.throwIfAborted();let o=await this.engine.begin(e,r);return new Promise((s,i)=>{this.tasks.push({work:o,slices:0,signal:n,resolve:s,reject:i}),this.running||this.run()})}async run(){for(this.running=!0;this.tasks.length>0;){let e=this.tasks.reduce((r,n)=>n.slices<r.slices?n:r);this.advance(e)&&this.tasks.splice(this.tasks.indexOf(e),1),await $e()}this.running=!1}advance(e){e.slices++;try{e.signal.throwIfAborted();let r=performance.now()+this.slice;do{let{done:n,value:o}=e.work.next();if(n)return e.resolve(o),!0}while(performance.now()<r);return!1}catch(r){return e.reject(r),!0}}};function $e(){return new Promise(t=>{let{port1:e,port2:r}=new MessageChannel;e.onmessage=()=>{e.close(),t()},r.postMessage(null)})}var sr=25;function Re(t,e){let r=new Map,n=new Map,o=async a=>{let l=n.get(a);return l||(l=ar(),n.set(a,l),e({need:a},[])),Ie(await l.promise)},s=new z(new V(t,o),sr),i=async(a,l,c)=>{let u=new AbortController;r.set(a,u);try{let f=await s.ask(l,c,u.signal);u.signal.aborted||e({id:a,answer:f},[f])}catch(f){u.signal.aborted||e({id:a,error:f instanceof Error?f.message:String(f)},[])}r.delete(a)};return a=>{if("question"in a)i(a.id,a.question,a.request);else if("abort"in a)r.get(a.abort)?.abort();else if("name"in a){let l=n.get(a.name);n.delete(a.name),"error"in a?l?.reject(new Error(a.error)):l?.resolve(a.text)}}}function ar(){let t,e;return{promise:new Promise((n,o)=>{t=n,e=o}),resolve:t,reject:e}}var K=globalThis;K.onmessage=({data:t})=>{if(!("shapes"in t))return;let e=Re(t.shapes,(r,n)=>K.postMessage(r,n));K.onmessage=({data:r})=>e(r),K.postMessage({ready:!0},[])};})();\n'],{type:"text/javascript"}));try{return new Worker(r)}finally{setTimeout(()=>URL.revokeObjectURL(r),6e4)}}var zl=2**26;async function jn(r,t){return et(await r.ask("manifest",{},t)).meta}function Zt(r,t=zl){let e=new Dn(r,t);return{region:(n,o)=>e.get("region",n,xo,o),margins:(n,o)=>e.get("margins",n,Ao,o),overview:(n,o)=>e.get("overview",{map:n},Mo,o),steps:(n,o,s,i)=>e.get("steps",{map:n,head:o,...i},To,s)}}var Dn=class{constructor(t,e){this.transport=t;this.keptBytes=e}transport;keptBytes;kept=new Map;pending=new Map;bytes=0;async get(t,e,n,o){o?.throwIfAborted();let s=`${t} ${JSON.stringify(e)}`,i=this.kept.get(s);if(i)return this.kept.delete(s),this.kept.set(s,i),i.answer;let a=this.pending.get(s)??this.ask(s,t,e,n);a.askers++;try{return await Qt(a.answer,o)}finally{a.askers--,a.askers===0&&this.pending.get(s)===a&&(this.pending.delete(s),a.controller.abort())}}ask(t,e,n,o){let s=new AbortController,i=this.transport.ask(e,n,s.signal).then(c=>{let h=o(c);return this.keep(t,h,c.byteLength),h}),a={answer:i,askers:0,controller:s};this.pending.set(t,a);let l=()=>{this.pending.get(t)===a&&this.pending.delete(t)};return i.then(l,l),a}keep(t,e,n){if(!(n>this.keptBytes||this.kept.has(t))){this.kept.set(t,{answer:e,bytes:n}),this.bytes+=n;for(let[o,{bytes:s}]of this.kept){if(this.bytes<=this.keptBytes)break;this.kept.delete(o),this.bytes-=s}}}};function Go(r,t=12e4){let e=Math.random().toString(36).slice(2),n=new Map,o=[],s=0,i=!1,a=()=>{for(;n.size<2&&o.length>0;){let h=o.shift(),{id:u,question:p,request:m}=h,d=setTimeout(()=>{l(u)?.reject(new Error(`no answer from the kernel for ${t/1e3} s: it is busy, or gone; run the cell again`))},t);n.set(u,{pending:h,timer:d}),r.send({id:u,question:p,request:m})}},l=h=>{let u=n.get(h);if(u)return clearTimeout(u.timer),n.delete(h),a(),u.pending},c=(h,u)=>{let{id:p,error:m}=h??{};if(typeof p!="string")return;let d=l(p);d&&(m!==void 0?d.reject(new Error(String(m))):u.length!==1?d.reject(new Error(`expected one buffer from the kernel, got ${u.length}`)):d.resolve(Gl(u[0])))};return r.on("msg:custom",c),{ask:(h,u,p)=>new Promise((m,d)=>{if(i)return d(new Error("the viewer is closed"));if(p?.aborted)return d(p.reason);let f={id:`${e}-${++s}`,question:h,request:u,resolve:m,reject:d},g=()=>{o=o.filter(y=>y!==f),d(p?.reason)};p?.addEventListener("abort",g,{once:!0}),o.push(f),a()}),close(){i=!0,r.off("msg:custom",c);let h=[...o,...[...n.values()].map(({pending:u})=>u)];for(let{timer:u}of n.values())clearTimeout(u);o=[],n.clear();for(let u of h)u.reject(new Error("the viewer is closed"))}}}function Gl(r){let t=new Uint8Array(r.byteLength);return t.set(new Uint8Array(r.buffer,r.byteOffset,r.byteLength)),t.buffer}function lt(r,t,e,n=t.heads){let[o,s]=[r.maps[t.map],r.maps[e]],i=n.filter(u=>u<s.heads),a=o.item===s.item&&o.rowAxes.join()===s.rowAxes.join(),l=o.item===s.item&&o.columnAxis===s.columnAxis,c=a?t.query:null,h=l?t.key:null;return{map:e,heads:i.length>0?i:[0],rowAxis:a?t.rowAxis:Math.max(0,s.rowAxes.indexOf(o.rowAxes[t.rowAxis])),viewport:a&&l?t.viewport:null,query:c,key:h,pinned:t.pinned&&(c!==null||h!==null),pair:a&&l?t.pair:"all"}}function Vo(r,t,e){let{kind:n,layer:o}=r.maps[t.map],s=r.maps.findIndex(i=>i.item===e&&i.kind===n&&i.layer===o);return s>=0?s:r.maps.findIndex(i=>i.item===e)}function _o(r,t,e){let{kind:n,item:o}=r.maps[t.map],s=r.maps.flatMap((i,a)=>i.kind===n&&i.item===o?[a]:[]);return s[s.indexOf(t.map)+e]??null}var Pt=["view","map","heads","query","key","unit","pins"],Vl=150;function Wn(r){let t=Pt.map(e=>[e,r.get(e)]).filter(([,e])=>e!==void 0);return Object.fromEntries(t)}function jo(r,t,e){let n,o=!1,s=h=>r.get(h)!==void 0,i=()=>{n=void 0;let h=Pt.filter(u=>s(u)&&Do(r.get(u),t.state[u]));for(let u of h)r.set(u,t.state[u]);h.length>0&&r.save_changes()},a=()=>{o=!1;let h=Wn(r),{map:u=t.state.map,...p}=h,m=u===t.state.map?{}:lt(e,t.state,u),f=p.query!==t.state.query||p.key!==t.state.key?{pinned:(p.query??p.key??null)!==null}:{};t.set({...m,...p,map:u,...f})},l=()=>{o||Pt.every(h=>!s(h)||!Do(r.get(h),t.state[h]))||(o=!0,clearTimeout(n),n=void 0,queueMicrotask(a))};for(let h of Pt)r.on(`change:${h}`,l);let c=t.subscribe((h,u)=>{!o&&Pt.some(p=>u.has(p))&&(n??=setTimeout(i,Vl))});return i(),()=>{clearTimeout(n),c();for(let h of Pt)r.off(`change:${h}`,l)}}function Do(r,t){return JSON.stringify(r)!==JSON.stringify(t)}function Wo(r,t){let[e,n]=[r.get("still"),r.get("picture")],s=[...typeof e=="string"&&e!==""?document.querySelectorAll(`[id="${e}"]`):[]];if(s.length===0&&typeof n=="string"&&n.startsWith("data:image/png;base64,")){let a=document.createElement("img");a.src=n,a.alt="attention",a.style.maxWidth="100%",t.append(a),s.push(a)}let i=a=>{for(let l of s)l.hidden=a};return{hide:()=>{i(!0),s[0]?.parentNode===t&&t.replaceChildren()},show:()=>i(!1),say(a){i(!1);let l=document.createElement("p");l.textContent=a,t.append(l)}}}var Ko=`.compare-pane {
  display: flex;
  flex: 1;
  flex-direction: column;
  min-width: 0;
  min-height: 0;
  border-inline-start: 1px solid var(--frame);
}
.compare-pane[hidden] {
  display: none;
}
.compare-bar {
  display: flex;
  flex: none;
  gap: 4px;
  height: 37px;
  padding: 4px 8px;
}
.compare-bar .choice,
.compare-bar select {
  flex: 0 1 auto;
  min-width: 0;
}
.compare-bar .choice:last-child,
.compare-bar .choice:last-child select {
  flex: none;
}
.compare-panel:empty {
  display: none;
}
.compare-panel {
  flex: 1;
  min-height: 0;
  position: relative;
}
.compare-said {
  flex: none;
  max-height: 2.8em;
  margin: 0;
  padding: 0 8px 2px;
  overflow: hidden;
  font-size: 12px;
  color: var(--dimmed);
}
.pictures {
  display: flex;
  flex: 1 1 auto;
  min-height: 0;
}
.picture {
  display: flex;
  flex: 1 1 0;
  flex-direction: column;
  min-width: 0;
  min-height: 0;
}
.compare-first {
  flex: none;
  height: 37px;
  margin: 0;
  padding: 9px 8px 0;
  overflow: hidden;
  font-size: 13px;
  text-overflow: ellipsis;
  white-space: nowrap;
}
@container (max-width: 699.98px) {
  .pictures {
    flex-direction: column;
  }
  .compare-pane {
    border-inline-start: 0;
    border-top: 1px solid var(--frame);
  }
}
`;function b(r,t="",e=""){let n=document.createElement(r);return t&&(n.className=t),e&&(n.textContent=e),n}var Dl="http://www.w3.org/2000/svg";function P(r,t,e=""){let n=document.createElementNS(Dl,r);for(let[o,s]of Object.entries(t))n.setAttribute(o,String(s));return e&&(n.textContent=e),n}function M(r,t,e){let n=b("button","",r);return n.type="button",t&&(n.title=t),n.addEventListener("click",e),n}function Q(r,t,e){let n=b("label","choice"),o=b("select");return xt(o,t),o.addEventListener("change",()=>e(o.value)),n.append(b("span","",r),o),{label:n,control:o}}function xt(r,t){r.replaceChildren(...t.map(([e,n])=>new Option(n,e)))}function Re(r,t){let e=b("label","tick"),n=b("input");return n.type="checkbox",n.addEventListener("change",()=>t(n.checked)),e.append(n,b("span","",r)),{label:e,control:n}}function Ct(r,t){let e=n=>{let o=t();for(let s of o)s.tabIndex=s===(n??o[0])?0:-1};return r.addEventListener("keydown",n=>{let o=t(),s=o.indexOf(n.target),i={ArrowLeft:-1,ArrowUp:-1,ArrowRight:1,ArrowDown:1}[n.key],a=i?o[(s+i+o.length)%o.length]:{Home:o[0],End:o.at(-1)}[n.key];s<0||!a||n.ctrlKey||n.altKey||n.metaKey||(n.preventDefault(),e(a),a.focus())}),e}function qe(r,t){if(!t)return;let[e,n]=[r.getBoundingClientRect(),t.getBoundingClientRect()];n.left<e.left?r.scrollLeft-=e.left-n.left+8:n.right>e.right&&(r.scrollLeft+=n.right-e.right+8)}function dt(r){return r!==void 0&&r.getRootNode().activeElement===r}var Yo=`.find-form {
  display: flex;
  align-items: center;
  gap: 2px;
}
.viewer .find-input {
  width: 110px;
  padding: 3px 6px;
  color: var(--text);
  background: var(--background);
  border: 1px solid var(--frame);
  border-radius: 4px;
}
.find-input:focus {
  width: 170px;
}
.find-count {
  min-width: 0;
  font-size: 12px;
  color: var(--dimmed);
  white-space: nowrap;
}
.find-form button {
  padding: 3px 6px;
}
.find-count:empty,
.find-count:empty ~ button {
  display: none;
}
.viewer .find-open {
  display: none;
}
@container (width < 900px) {
  .viewer .find-open {
    display: block;
  }
  .find-form {
    display: none;
  }
  .find[data-open] .find-form {
    position: absolute;
    inset: 0;
    z-index: 3;
    display: flex;
    padding: 0 8px;
    background: var(--background);
  }
  .find[data-open] .find-input {
    flex: 1;
  }
}
`;var Wl=new Intl.Segmenter(void 0,{granularity:"grapheme"});function S(r,t=40){if(r==="")return"\u27E8empty\u27E9";if(r.length<=t)return r;let e="",n=0;for(let{segment:o}of Wl.segment(r.slice(0,32*t))){if(++n===t)return e.length+o.length===r.length?r:`${e}\u2026`;e+=o}return e===r?r:`${e}\u2026`}var Kl=/[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;function j(r){return Kl.test(r)?`\u2068${r}\u2069`:r}function L(r){if(r===0)return"0";let t=Math.abs(r);return t>=.0995?r.toFixed(2):t>=95e-5?r.toFixed(3):r.toExponential(1)}function Kn(r){for(let t=6;t<9;t++){let e=Number(r.toPrecision(t));if(Math.fround(e)===Math.fround(r))return String(e)}return String(Number(r.toPrecision(9)))}function ot(r){return r?Kn:L}function te(r){let t=Math.floor(Math.log10(r)),e=Math.ceil(r/10**t*10-1e-6)/10;return e>=10?`1e${t+1}`:`${e}e${t}`}function $(r){return r.toLocaleString("en-US")}function B(r,t){return t.rowAxis<r.rowAxes.length?t.rowAxis:0}function Yn(r){let t=r.bands?.find(({name:e})=>e==="segments")?.spans??[];return t.length===2?[t[0],t[1]]:null}function Xn(r,t,e){let{axes:n}=r;return Yn(n[t.rowAxes[B(t,e)]])!==null&&Yn(n[t.columnAxis])!==null}function U(r,t){let e=r.maps[t.map],n=t.special==="hidden",o=r.axes[e.rowAxes[B(e,t)]],s=r.axes[e.columnAxis],i=t.pair!=="all"&&Xn(r,e,t),a=(l,c)=>{let h=i?Yn(l):null;return h===null?null:h[t.pair[c]==="a"?0:1]};return{info:e,rows:new Xt(o,t.unit,n,a(o,0)),columns:new Xt(s,t.unit,n,a(s,2))}}function Ne(r,t){let e=[...t.rowAxes,t.columnAxis].map(o=>r.axes[o]);return["tokens","words","characters"].filter(o=>o==="tokens"||e.some(s=>at(s,o)!==null))}function Rt(r){return r.unit==="tokens"?"mean":"mass"}function ct(r,t,e,n){return{map:r.map,heads:r.heads,rows:t.rows.cells(e[0],e[1],e[1]-e[0]),columns:t.columns.cells(n[0],n[1],n[1]-n[0]),how:Rt(r),hideSpecial:r.special==="hidden",rowAxis:B(t.info,r),renormalise:r.special==="hidden"&&r.renormalise,sample:0}}function O(r,t){let e=r.layer===null?S(r.name||"map",60):`${r.kind} layer ${r.layer}`,n=r.of===null?e:`${S(r.of,40)}: ${e}`;return r.heads===1?n:t.length===1?`${n}, head ${t[0]}`:t.length===r.heads?`${n}, mean of all heads`:`${n}, mean of heads ${t.join(", ")}`}function Jn(r,t,e,n){let o=Math.max(0,Math.min(Math.floor(r),e-1)),s=Math.max(o+1,Math.min(Math.ceil(t),e));return e===0?[0,0]:[o,Math.min(s,o+n)]}var Xo=`.heads-view {
  display: flex;
  flex-direction: column;
  height: 100%;
  min-height: 0;
}
.heads-bar {
  display: flex;
  flex: none;
  flex-wrap: wrap;
  align-items: center;
  gap: 4px 16px;
  padding: 5px 12px;
}
.heads-bar input[type="number"] {
  width: 84px;
}
.heads-scroll {
  flex: 1;
  min-height: 0;
  overflow-x: hidden;
  overflow-y: auto;
}
.heads-space {
  min-height: 100%;
}
.heads-canvas {
  position: sticky;
  top: 0;
  display: block;
}
.viewer .heads-canvas:focus-visible {
  outline-offset: -2px;
}
`;var Jo="system-ui, sans-serif",Qo="ui-monospace, monospace";function Qn(r){return`${r.bold?"bold ":""}${r.size}px ${r.mono?Qo:Jo}`}var At=class{constructor(t){this.context=t}context;picture=null;rect({x:t,y:e,width:n,height:o},s,i=1){this.context.fillStyle=s,this.context.globalAlpha=i,this.context.fillRect(t,e,n,o),this.context.globalAlpha=1}outline({x:t,y:e,width:n,height:o},s,i){this.context.strokeStyle=s,this.context.lineWidth=i,this.context.strokeRect(t,e,n,o)}line(t,e,n){this.context.strokeStyle=e,this.context.lineWidth=n,this.context.beginPath(),t.forEach(([o,s],i)=>{i===0?this.context.moveTo(o,s):this.context.lineTo(o,s)}),this.context.stroke()}text(t,e,n,o){let{context:s}=this;if(s.font=Qn(o),s.fillStyle=o.colour,s.textBaseline="middle",s.textAlign=o.anchor==="middle"?"center":(o.anchor??"start")==="start"?"left":"right",!o.angle){s.fillText(n,t,e);return}s.save(),s.translate(t,e),s.rotate(o.angle*Math.PI/180),s.fillText(n,0,0),s.restore()}pixels({x:t,y:e,width:n,height:o},s,i,a){i===0||a===0||(this.picture??=document.createElement("canvas"),this.picture.width=i,this.picture.height=a,this.picture.getContext("2d")?.putImageData(new ImageData(s,i,a),0,0),this.context.imageSmoothingEnabled=!1,this.context.drawImage(this.picture,t,e,n,o))}clipped({x:t,y:e,width:n,height:o},s){this.context.save(),this.context.beginPath(),this.context.rect(t,e,n,o),this.context.clip(),s(),this.context.restore()}},qt=class{constructor(t,e,n){this.width=t;this.height=e;this.encode=n}width;height;encode;parts=[];clips=0;rect({x:t,y:e,width:n,height:o},s,i=1){let a=`fill="${kt(s)}"${i<1?` fill-opacity="${z(i)}"`:""}`;this.parts.push(`<rect ${ee(t,e)} ${Ie(n,o)} ${a}/>`)}outline({x:t,y:e,width:n,height:o},s,i){let a=`fill="none" stroke="${kt(s)}" stroke-width="${z(i)}"`;this.parts.push(`<rect ${ee(t,e)} ${Ie(n,o)} ${a}/>`)}line(t,e,n){let o=t.map(([i,a])=>`${z(i)},${z(a)}`).join(" "),s=`fill="none" stroke="${kt(e)}" stroke-width="${z(n)}"`;this.parts.push(`<polyline points="${o}" ${s}/>`)}text(t,e,n,o){let s=o.angle?` transform="rotate(${z(o.angle)} ${z(t)} ${z(e)})"`:"",i=o.bold?' font-weight="bold"':"";this.parts.push(`<text ${ee(t,e)} dy="0.35em" font-family="${o.mono?Qo:Jo}" font-size="${z(o.size)}"${i} fill="${kt(o.colour)}" text-anchor="${o.anchor??"start"}" xml:space="preserve"${s}>${kt(n)}</text>`)}pixels({x:t,y:e,width:n,height:o},s,i,a){i===0||a===0||this.image({x:t,y:e,width:n,height:o},this.encode(s,i,a),"image-rendering:pixelated")}image({x:t,y:e,width:n,height:o},s,i=""){this.parts.push(`<image ${ee(t,e)} ${Ie(n,o)} preserveAspectRatio="none"${i?` style="${i}"`:""} href="${kt(s)}"/>`)}clipped({x:t,y:e,width:n,height:o},s){let i=`clip${++this.clips}`;this.parts.push(`<clipPath id="${i}"><rect ${ee(t,e)} ${Ie(n,o)}/></clipPath>`),this.parts.push(`<g clip-path="url(#${i})">`),s(),this.parts.push("</g>")}shifted(t,e,n){this.parts.push(`<g transform="translate(${z(t)} ${z(e)})">`),n(),this.parts.push("</g>")}document(t){let e=`width="${z(this.width)}" height="${z(this.height)}"`,n=`viewBox="0 0 ${z(this.width)} ${z(this.height)}"`;return`<svg xmlns="http://www.w3.org/2000/svg" ${e} ${n} role="img"><title>${kt(t)}</title>${this.parts.join("")}</svg>`}};function He(r,t,e){let n=document.createElement("canvas");return n.width=t,n.height=e,n.getContext("2d")?.putImageData(new ImageData(r,t,e),0,0),n.toDataURL("image/png")}var Xl=/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu,Jl={"&":"&amp;","<":"&lt;",">":"&gt;",'"':"&quot;","'":"&#39;"};function kt(r){return r.replace(Xl,"\uFFFD").replace(/[&<>"']/g,t=>Jl[t])}function z(r){return String(Math.round(r*100)/100)}function ee(r,t){return`x="${z(r)}" y="${z(t)}"`}function Ie(r,t){return`width="${z(r)}" height="${z(t)}"`}function ne(r,{width:t,height:e}){let n=window.devicePixelRatio||1,[o,s]=[Math.round(t*n),Math.round(e*n)];r.width!==o&&(r.width=o),r.height!==s&&(r.height=s);let i=r.getContext("2d");return i?.setTransform(n,0,0,n,0,0),i?.clearRect(0,0,t,e),i}function Zo(r,t){let e=new Map;return n=>{let o=e.get(n);return o!==void 0||(r&&(r.font=Qn({size:t})),o=r?r.measureText(n).width:n.length*t*.55,e.size>2e4&&e.clear(),e.set(n,o)),o}}function Nt(r,t,e){let n=[];for(let o of r.split(" ")){let s=`${n[n.length-1]} ${o}`;n.length>0&&e(s)<=t?n[n.length-1]=s:n.push(o)}return n}function ts(r,t,e){let n=[];for(let o of r.split(" \xB7 ")){let s=n.length>0?`${n[n.length-1]} \xB7 ${o}`:o;n.length>0&&e(s)<=t?n[n.length-1]=s:n.push(o)}return n}function F(r,t,e){return Math.min(Math.max(r,t),e)}function It(r,t,e,n,o=null){let s=Math.max(n,Ql(t));if(r==="row")return{name:r,top:1,signed:e};if(o)return{name:r==="log"?r:"linear",bottom:o[0],top:o[1],signed:e,more:s>o[1]};if(r==="auto"){let i=es(Math.max(n,Zl(t)),e);if(s>=2*i)return{name:"linear",top:i,signed:e,more:!0}}return{name:r==="auto"?"linear":r,top:es(s,e),signed:e}}function Ql(r){let t=0;for(let e of r){let n=e<0?-e:e;n>t&&n<Number.POSITIVE_INFINITY&&(t=n)}return t}function Zl(r){let t=Math.max(1,Math.floor(r.length/2e4))|1,e=[];for(let o=0;o<r.length;o+=t){let s=Math.abs(r[o]);s>0&&s<Number.POSITIVE_INFINITY&&e.push(s)}if(e.length===0)return 0;let n=Float32Array.from(e).sort();return n[Math.min(n.length-1,Math.ceil(n.length*(1-1/200)))]}function es(r,t){if(r===0)return 1;let e=10**Math.floor(Math.log10(r)),n=[1,1.5,2,3,4,5,6,8,10].map(s=>s*e).find(s=>s>=r*(1-1e-6)),o=Number((n??10*e).toPrecision(6));return t?o:Math.min(o,Math.max(1,r))}function st(r,t,e=1){let n=t.name==="row"?e:t.top,o=Math.abs(r);if(!(o>0)||n<=0)return 0;let s=t.bottom??0,i=()=>Math.min(Math.max((o-s)/(n-s),0),1),a=t.name==="log"?tc(o,n,Math.max(s,1e-6)):i();return r<0?-a:a}function tc(r,t,e=1e-6){return t<=e?r>=t?1:0:Math.min(Math.max(Math.log(r/e)/Math.log(t/e),0),1)}function rs(r,t,e,n){let o=new Uint8ClampedArray(r.length*4),s=new Uint32Array(o.buffer),i=ns(n.positive),a=e.signed?ns(n.negative):i,l=e.name==="log"?Math.max(e.bottom??0,1e-6):e.bottom??0,c=e.name==="log"&&e.top>l?255/Math.log(e.top/l):0,h=e.hides?ec(tr(n)):i[0];for(let u=0,p=0;u<r.length;p++){let m=u+t,d=255/(e.name==="row"?Ht(r,p,t)||1:e.top-l);for(;u<m;u++){let f=r[u],g=f<0?-f:f,w=g>l?e.name==="log"?Math.log(g/l)*c:(g-l)*d:0,x=(f<0?a:i)[w>=255?255:w+.5|0];s[u]=f===0?h:x}}return o}function Ht(r,t,e){let n=0;for(let o=t*e;o<(t+1)*e;o++)n=Math.max(n,Math.abs(r[o]));return n}function ns(r){let t=new Uint8ClampedArray(1024);for(let e=0;e<256;e++)t.set([r[3*e],r[3*e+1],r[3*e+2],255],4*e);return new Uint32Array(t.buffer)}function tr(r){let[t,e]=[r.background,r.frame].map(i=>[1,3,5].map(a=>Number.parseInt(i.slice(a,a+2),16))),[n,o,s]=t.map((i,a)=>Math.round(i+.22*(e[a]-i)));return[n,o,s]}function ec([r,t,e]){return new Uint32Array(new Uint8ClampedArray([r,t,e,255]).buffer)[0]}function Ft(r,t){let e=r<0?t.negative:t.positive,n=3*Math.round(Math.min(Math.abs(r),1)*255);return[e[n],e[n+1],e[n+2]]}function X(r,t){return`rgb(${Ft(r,t).join(",")})`}function ft(r,t){let[e,n,o]=Ft(r,t).map(s=>{let i=s/255;return i<=.04045?i/12.92:((i+.055)/1.055)**2.4});return .2126*e+.7152*n+.0722*o>.179?"#000000":"#ffffff"}function Fe(r){if(r.name==="row"){let i={place:1,text:"row max"};return r.signed?[{place:0,text:"\u2212row max"},{place:.5,text:"0"},i]:[{place:0,text:"0"},i]}let t=[],e=r.name==="log"?Math.max(r.bottom??0,1e-6):r.bottom??0;if(r.name==="log"){let i=Math.ceil(Math.log10(e));r.bottom&&t.push(e);for(let a=i;10**a<r.top*.5;a+=2)t.push(10**a);t.push(r.top)}else{let i=r.signed?2:4;for(let a=0;a<=i;a++)t.push(e+(r.top-e)*a/i)}let n=i=>i===r.top&&r.more?`\u2265 ${Zn(i)}`:i<=e&&e>0?`\u2264 ${Zn(i)}`:Zn(i),o=t.map(i=>({place:Math.abs(st(i,r)),text:n(i)}));return r.signed?[...o.filter(({place:i})=>i>0).map(({place:i,text:a})=>({place:-i,text:`\u2212${a}`})),...o].map(({place:i,text:a})=>({place:(i+1)/2,text:a})):o}function Zn(r){let t=Number(r.toPrecision(r<.01?2:3));return r>0&&r<.001?t.toExponential():String(t)}var nc=6;function rc(r,t,{thumbnails:e,scale:n},o){let{rows:s,columns:i}=r,a=r[e].subarray(t*s*i,(t+1)*s*i),l=u=>u.reduce((p,m)=>Math.max(p,Math.abs(m)),0),c=l(a),h=new Uint8ClampedArray(4*s*i);for(let u=0;u<s;u++){let p=n==="row"?l(a.subarray(u*i,(u+1)*i)):c;for(let m=0;m<i;m++){let d=u*i+m,f=Math.abs(a[d]),g=f===0?0:n==="log"?Math.max(0,1+Math.log10(f)/nc):f/p;h.set([...Ft(a[d]<0?-g:g,o),255],4*d)}}return h}function Be(r,t,e){let{heads:n,rows:o,columns:s}=r,i=document.createElement("canvas");i.width=s,i.height=n*o;let a=i.getContext("2d");if(!a)return null;for(let l=0;l<n;l++)a.putImageData(new ImageData(rc(r,l,t,e),s,o),0,l*o);return i}function re(r,t,e,n,o){let{rows:s,columns:i}=e;r.imageSmoothingEnabled=i>2*o.width||s>2*o.height,r.drawImage(t,0,n*s,i,s,o.x,o.y,o.width,o.height)}var[oc,sc]=[34,140],ic={encoder:"Encoder",decoder:"Decoder",cross:"Cross-attention",self:"Self-attention",map:"Maps"};function St(r,t){let{item:e}=r.maps[t.map];return r.maps.flatMap((n,o)=>n.item===e?[o]:[])}function Ue(r,t){return[...new Set(t.flatMap(e=>Object.keys(r.maps[e].statistics)))]}function os(r,t,e,n){return e.sort===""?ac(r,t,n):lc(r,t,e,n)}function ac(r,t,e){let o=Math.max(...t.map(h=>r.maps[h].heads)),{side:s,across:i}=ss(e-52-12,o),a=[],l=[],c=0;for(let h of new Set(t.map(u=>r.maps[u].kind))){l.push({text:ic[h],x:12,y:c+18,large:!0}),c+=28;let u=t.filter(p=>r.maps[p].kind===h);u.sort((p,m)=>(r.maps[p].layer??p)-(r.maps[m].layer??m)),u.forEach((p,m)=>{let{layer:d,heads:f}=r.maps[p];l.push({text:d===null?`#${m}`:`L${d}`,x:12,y:c+s/2+4,large:!1});for(let g=0;g<f;g++){let[y,w]=[Math.floor(g/i),g%i];a.push({map:p,head:g,x:52+w*(s+6),y:c+y*(s+15+6),value:null})}c+=Math.ceil(f/i)*(s+15+6)}),c+=6}return{cells:a,headings:l,side:s,width:e,height:c}}function lc(r,t,e,n){let{sort:o,descending:s,limit:i}=e,a=s?1:-1,c=t.flatMap(d=>(r.maps[d].statistics[o]??[]).map((f,g)=>({map:d,head:g,value:f}))).filter(({value:d})=>Number.isFinite(d)&&(i===null||a*(d-i)>=0));c.sort((d,f)=>a*(f.value-d.value));let{side:h,across:u}=ss(n-24,Number.POSITIVE_INFINITY),p=c.map((d,f)=>({...d,x:12+f%u*(h+6),y:6+Math.floor(f/u)*(h+30+6)})),m=Math.ceil(c.length/u);return{cells:p,headings:[],side:h,width:n,height:6+m*(h+30+6)}}function ss(r,t){let e=Math.floor(r/t-6),n=Math.max(oc,Math.min(sc,Number.isFinite(t)?e:80));return{side:n,across:Math.max(1,Math.floor((r+6)/(n+6)))}}function is({cells:r,side:t},e,n){return r.findIndex(o=>e>=o.x&&e<o.x+t&&n>=o.y&&n<o.y+t+15)}function as({cells:r},t,e){if(e==="Home")return 0;if(e==="End")return r.length-1;if(e==="ArrowLeft")return Math.max(0,t-1);if(e==="ArrowRight")return Math.min(r.length-1,t+1);let n=r[t],o=e==="ArrowDown",s=r.filter(c=>o?c.y>n.y:c.y<n.y);if(s.length===0)return t;let i=o?s[0].y:s[s.length-1].y,l=s.filter(c=>c.y===i).reduce((c,h)=>Math.abs(h.x-n.x)<Math.abs(c.x-n.x)?h:c);return r.indexOf(l)}var ze="ui-monospace, monospace",er="system-ui, sans-serif",ls=20,cc={encoder:"enc",decoder:"dec",cross:"cross",self:"self",map:"map"};function hc(r,t,e,n){let o=`${r.layer===null?`#${t}`:`L${r.layer}`}\xB7${e}`;return n?`${cc[r.kind]} ${o}`:o}function ps(r,t,e){return r.value===null?[String(r.head)]:[hc(t,r.map,r.head,e),L(r.value)]}function ms(r,t,e,n,o){let{arrangement:s,palette:i,maps:a,kinds:l}=t,{cells:c,headings:h,side:u,width:p}=s,m=(d,f)=>d+f>n&&d<n+o;r.fillStyle=i.background,r.fillRect(0,0,p,o);for(let{text:d,x:f,y:g,large:y}of h)m(g-20,30)&&(r.textAlign="left",r.fillStyle=y?i.text:i.dimmed,r.font=y?`600 14px ${er}`:`12px ${ze}`,r.fillText(d,f,g-n));c.forEach((d,f)=>{if(!m(d.y,u+30))return;let g={x:d.x,y:d.y-n,width:u,height:u},y=e.get(d.map);y&&re(r,y.canvas,y.overview,d.head,g);let w=t.chosen(d);r.strokeStyle=w||f===t.current?i.accent:i.frame,r.lineWidth=f===t.current?3:w?2:1,r.strokeRect(g.x-.5,g.y-.5,u+1,u+1),r.textAlign="center",r.font=`11px ${ze}`,ps(d,a[d.map],l).forEach((x,A)=>{r.fillStyle=A===0?i.text:i.dimmed,r.fillText(x,g.x+u/2,g.y+u+12+A*15)})})}var cs=2048;function ds(r,t,e){let{arrangement:n,palette:o,maps:s,kinds:i}=r,{headings:a,side:l}=n,c=n.cells.slice(0,cs),h=n.cells.length-c.length,u=Nt(h>0?`${e}; the first ${cs} of them`:e,Math.max(360,hs(r)-24),us),p=12+u.length*ls,m=Math.max(hs(r),24+Math.max(...u.map(us))),d=Math.max(0,...c.map(({y:w,value:x})=>w+l+(x===null?1:2)*15)),f=p+d+10,g=P("svg",{width:m,height:f,viewBox:`0 0 ${m} ${f}`}),y=(w,...x)=>w.append(P(...x));y(g,"rect",{width:m,height:f,fill:o.background}),u.forEach((w,x)=>{y(g,"text",{x:12,y:20+x*ls,"font-family":er,"font-size":14,fill:o.text},w)});for(let{text:w,x,y:A,large:v}of a){if(A>d)continue;let k=v?{"font-family":er,"font-size":14}:{"font-family":ze,"font-size":12};y(g,"text",{x,y:A+p,...k,fill:v?o.text:o.dimmed},w)}for(let w of c){let x={x:w.x,y:w.y+p,width:l,height:l},A=uc(w,t);A&&y(g,"image",{...x,href:A,preserveAspectRatio:"none","image-rendering":"pixelated"}),y(g,"rect",{...x,fill:"none",stroke:r.chosen(w)?o.accent:o.frame}),ps(w,s[w.map],i).forEach((v,k)=>{let E={x:x.x+l/2,y:x.y+l+12+k*15,"text-anchor":"middle"};y(g,"text",{...E,"font-family":ze,"font-size":11,fill:o.text},v)})}return new XMLSerializer().serializeToString(g)}function hs({arrangement:{cells:r,side:t}}){return Math.max(240,...r.map(({x:e})=>e+t))+12}function us(r){return 7.2*[...r].length}function uc(r,t){let e=t.get(r.map);if(!e)return null;let{overview:n,canvas:o}=e,s=document.createElement("canvas");s.width=n.columns,s.height=n.rows;let i=s.getContext("2d");return i?(re(i,o,n,r.head,{x:0,y:0,width:s.width,height:s.height}),s.toDataURL("image/png")):null}var Ge=class{constructor(t,e){this.app=t;this.arrived=e}app;arrived;overviews=new Map;requested=new Map;painted=new Map;stopping=new AbortController;look="";get(t){let{thumbnails:e,scale:n}=this.app.store.state,o=`${e} ${n} ${this.app.palette.name}`;o!==this.look&&this.painted.clear(),this.look=o;let s=this.overviews.get(t);if(!s)return this.request(t),null;this.painted.has(t)||this.painted.set(t,Be(s,this.app.store.state,this.app.palette));let i=this.painted.get(t);return i?{overview:s,canvas:i}:null}async all(t){for(let e of new Set(t))this.overviews.has(e)||await this.request(e)}stop(){this.stopping.abort()}request(t){let e=this.requested.get(t);if(e)return e;let{signal:n}=this.stopping,o=this.app.source.overview(t,n).then(s=>{n.aborted||(this.overviews.set(t,s),this.arrived())},s=>{n.aborted||this.app.fail(s)});return this.requested.set(t,o),o}};var pc=["ArrowLeft","ArrowRight","ArrowUp","ArrowDown","Home","End"],fs=500,mc=2**24,Ve=class{constructor(t,e){this.app=e;let{store:n}=e;this.painted=new Ge(e,()=>this.request()),this.sort=Q("sorted by",[],i=>n.set({sort:i})),this.direction=M("","",()=>{this.descending=!this.descending,this.lay()}),this.limit.type="number",this.limit.step="any",this.limit.addEventListener("input",()=>this.lay()),this.limitLabel.append(this.limitName,this.limit),this.build(t);let o=new ResizeObserver(()=>this.lay());o.observe(this.scroll),this.stops.push(()=>o.disconnect(),n.subscribe((i,a)=>this.changed(i,a))),this.lay(),this.loadAll();let s=this.arrangement.cells.findIndex(i=>this.chosen(i));this.current=Math.max(0,s),this.reveal()}app;element=b("div","heads-view");scroll=b("div","heads-scroll");space=b("div","heads-space");canvas=b("canvas","heads-canvas");told="";limit=b("input");limitName=b("span","","at least");direction;sort;limitLabel=b("label","choice");painted;stops=[];descending=!0;arrangement={cells:[],headings:[],side:0,width:0,height:0};current=-1;frame=0;redraw(){this.lay()}destroy(){cancelAnimationFrame(this.frame);for(let t of this.stops)t();this.painted.stop(),this.element.remove()}keydown(t){if(t.ctrlKey||t.altKey||t.metaKey||this.arrangement.cells.length===0)return!1;if(pc.includes(t.key))this.current=as(this.arrangement,Math.max(0,this.current),t.key),this.reveal(),this.tell(),this.app.say(this.told);else if(t.key==="Enter"&&this.current>=0)this.open(this.current);else if(t.key==="r"&&this.app.store.state.sort!=="")this.descending=!this.descending,this.lay(),this.app.say(this.direction.textContent??"");else return!1;return!0}contentHeight(){return this.element.clientHeight-this.scroll.clientHeight+this.arrangement.height+4}async table(t=!1){let{manifest:e}=this.app,n=Ue(e,St(e,this.app.store.state)),o=ot(t),{cells:s}=this.arrangement,i=s.slice(0,fs),a=i.length<s.length?`, the first ${fs} of ${$(s.length)}`:"";return{caption:`${this.title()}${a}`,columns:["head",...n],rows:i.map(({map:l,head:c})=>{let h=e.maps[l],u=n.map(p=>h.statistics[p]?.[c]);return[O(h,[c]),...u.map(p=>p===void 0?"":o(p))]})}}async svg(){return await this.painted.all(this.arrangement.cells.map(({map:t})=>t)),ds(this.scene(),this.painted,this.title())}changed(t,e){if(e.has("sort")?(this.limit.value="",this.lay(),this.current=this.arrangement.cells.length>0?0:-1,this.scroll.scrollTop=0):e.has("map")&&(this.lay(),this.loadAll()),e.has("map")||e.has("heads")){let n=this.arrangement.cells.findIndex(o=>o.map===t.map&&t.heads.includes(o.head));n>=0&&(this.current=n),this.reveal()}this.controls(),this.tell(),this.request()}lay(){let{manifest:t,store:e}=this.app,n=this.arrangement.cells[this.current],o=this.limit.value.trim()===""?null:Number(this.limit.value),s={sort:this.sorting(),descending:this.descending,limit:o},i=Math.max(240,this.scroll.clientWidth);this.arrangement=os(t,St(t,e.state),s,i);let{cells:a}=this.arrangement,l=n?a.findIndex(c=>c.map===n.map&&c.head===n.head):-1;this.current=l>=0?l:Math.min(0,a.length-1),this.space.style.height=`${this.arrangement.height}px`,this.controls(),this.tell(),this.request()}loadAll(){let t=St(this.app.manifest,this.app.store.state);t.map(n=>this.app.manifest.maps[n]).reduce((n,{heads:o,queries:s,keys:i})=>n+o*s*i,0)<=mc&&this.painted.all(t)}sorting(){let{manifest:t,store:e}=this.app,{sort:n}=e.state;return Ue(t,St(t,e.state)).includes(n)?n:""}chosen({map:t,head:e}){let{state:n}=this.app.store;return t===n.map&&n.heads.includes(e)}open(t){let e=this.arrangement.cells[t],{manifest:n,store:o}=this.app;o.set({...lt(n,o.state,e.map,[e.head]),view:"map"})}reveal(){let t=this.arrangement.cells[this.current];if(!t)return;let e=t.y+this.arrangement.side+30;t.y<this.scroll.scrollTop?this.scroll.scrollTop=Math.max(0,t.y-30):e>this.scroll.scrollTop+this.height()&&(this.scroll.scrollTop=e-this.height()),this.request()}height(){return Math.max(1,this.scroll.clientHeight)}title(){let{manifest:t,store:e}=this.app,n=this.sorting(),o=e.state.thumbnails==="max"?"largest weights":"mean weights",s=n?`, by ${n}, ${this.directionText()}`:"";return`${$(this.arrangement.cells.length)} heads of ${S(t.title||"the recording",120)}: ${o}${s}`}directionText(){return this.descending?"largest first":"smallest first"}scene(){let{manifest:t,store:e,palette:n}=this.app,o=new Set(St(t,e.state).map(a=>t.maps[a].kind)).size>1,{arrangement:s,current:i}=this;return{arrangement:s,maps:t.maps,kinds:o,palette:n,current:i,chosen:a=>this.chosen(a)}}request(){cancelAnimationFrame(this.frame),this.frame=requestAnimationFrame(()=>this.draw())}draw(){let[t,e]=[this.arrangement.width,this.height()],n=devicePixelRatio||1;this.canvas.style.width=`${t}px`,this.canvas.style.height=`${e}px`;let[o,s]=[Math.round(t*n),Math.round(e*n)];(this.canvas.width!==o||this.canvas.height!==s)&&(this.canvas.width=o,this.canvas.height=s);let i=this.canvas.getContext("2d");i&&(i.setTransform(n,0,0,n,0,0),ms(i,this.scene(),this.painted,this.scroll.scrollTop,e))}tell(){let t=this.arrangement.cells[this.current];if(!t){this.told="no head is within the limit",this.app.describe(this.told);return}let e=this.app.manifest.maps[t.map],n=Object.entries(e.statistics).map(([o,s])=>`${o} ${L(s[t.head])}`);this.told=[O(e,[t.head]),...n].join(" \xB7 "),this.app.describe(this.told),this.canvas.setAttribute("aria-label",`${this.title()}; ${this.told}`)}controls(){let{manifest:t,store:e}=this.app,n=Ue(t,St(t,e.state)),o=[["","layer"],...n.map(i=>[i,i])];this.sort.control.options.length!==o.length&&xt(this.sort.control,o);let s=this.sorting();this.sort.control.value=s,this.direction.textContent=this.directionText(),this.direction.hidden=this.limitLabel.hidden=s==="",this.limitName.textContent=`${s} ${this.descending?"at least":"at most"}`}point(t){let e=this.canvas.getBoundingClientRect();return is(this.arrangement,t.clientX-e.left,t.clientY-e.top+this.scroll.scrollTop)}build(t){let e=b("div","heads-bar");e.append(this.sort.label,this.direction,this.limitLabel),this.canvas.tabIndex=0,this.canvas.setAttribute("role","img"),this.space.append(this.canvas),this.scroll.append(this.space),this.element.append(e,this.scroll),t.append(this.element),this.scroll.addEventListener("scroll",()=>this.request()),this.canvas.addEventListener("pointermove",n=>{let o=this.point(n);this.canvas.style.cursor=o>=0?"pointer":"default",!(o<0||o===this.current)&&(this.current=o,this.tell(),this.request())}),this.canvas.addEventListener("click",n=>{let o=this.point(n);o>=0&&this.open(o)})}};var gs={name:"heads",title:"Heads",styles:Xo,keys:[["\u2190 \u2191 \u2192 \u2193","move between heads"],["Home, End","first or last head"],["Enter, click","open the head in the map"],["r","the other way round, where sorted"]],settings:["scale","thumbnails"],about:"Heads: a small map of every head of every layer. Look for patterns, sort them by a number, and click one to open it.",meaning:({row:r,column:t,stronger:e})=>`Each small square is the map of one head: its rows and columns are those of the map, ${r} and ${t}, and ${e} is more.`,unavailable:r=>r.maps.length===0?"there is no map":null,mount:(r,t)=>new Ve(r,t)};var bs=`.image-view {
  display: flex;
  flex-direction: column;
  height: 100%;
  min-height: 0;
  color: var(--text);
  background: var(--background);
  font:
    13px / 1.4 system-ui,
    sans-serif;
}
.image-bar,
.image-tokens {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 4px 14px;
  padding: 4px 8px;
  flex: none;
}
.image-tokens {
  gap: 4px;
  max-height: 64px;
  overflow: auto;
}
.image-bar fieldset {
  display: flex;
  gap: 10px;
  margin: 0;
  padding: 0;
  border: 0;
}
.image-bar legend {
  float: left;
  padding: 0;
  margin-right: 8px;
  color: var(--dimmed);
}
.image-bar label {
  display: inline-flex;
  align-items: center;
  gap: 4px;
}
.image-bar input {
  accent-color: var(--accent);
}
.image-bar input[type="range"] {
  width: 110px;
}
.image-tokens button {
  padding: 1px 8px;
  font: inherit;
  color: var(--text);
  background: var(--background);
  border: 1px solid var(--frame);
  border-radius: 4px;
  cursor: pointer;
}
.image-tokens button[aria-pressed="true"] {
  border-color: var(--accent);
  box-shadow: inset 0 0 0 1px var(--accent);
}
.image-view :focus-visible {
  outline: 2px solid var(--accent);
  outline-offset: 1px;
}
.image-status {
  margin: 0;
  padding: 0 8px;
  min-height: 1.4em;
  font-size: 12px;
  color: var(--dimmed);
  flex: none;
}
.image-stage {
  position: relative;
  flex: 1;
  min-height: 0;
  overflow: hidden;
}
.image-canvas {
  position: absolute;
  inset: 0;
  width: 100%;
  height: 100%;
  cursor: crosshair;
}
`;function _e(r,t){let e=r.map(Math.abs).sort(),n=e[Math.max(0,e.length-t)],o=[];for(let s=0;s<r.length;s++)Math.abs(r[s])>=n&&r[s]!==0&&o.push(s);return o.sort((s,i)=>Math.abs(r[i])-Math.abs(r[s])||s-i).slice(0,t)}var fc={light:{background:"#ffffff",text:"#1c2024",dimmed:"#6b727b",frame:"#b4bac2",accent:"#c2410c",positive:"#ffffff #cfe8e1 #97d6c5 #56bfb0 #32a4a9 #308aa7 #3670a3 #3e5394 #3f3872 #342449 #201322",negative:"#ffffff #f7dbd2 #f5b79b #f69069 #f26348 #df3444 #bd1852 #95195c #6b1e58 #431c45 #1e122d"},dark:{background:"#121418",text:"#e8eaed",dimmed:"#9aa1aa",frame:"#4a5058",accent:"#ff922b",positive:"#121418 #292137 #3a3062 #414789 #3b649d #317ea6 #2b98aa #3ab1ab #63caad #9de0b9 #d2f0db",negative:"#121418 #2d1b31 #511f4d #791d5b #a1165a #c71c4e #e53f43 #f36c4b #f6976b #f6bd9b #f9e2d0"}};function Mt(r){let t=fc[r];return{...t,name:r,positive:ys(t.positive),negative:ys(t.negative)}}function ys(r){let t=r.split(" ").map(n=>[1,3,5].map(o=>Number.parseInt(n.slice(o,o+2),16))),e=new Uint8Array(256*3);for(let n=0;n<256;n++){let o=n/255*(t.length-1),s=Math.min(Math.floor(o),t.length-2);for(let i=0;i<3;i++){let[a,l]=[t[s][i],t[s+1][i]];e[3*n+i]=Math.round(a+(o-s)*(l-a))}}return e}var nr={from:96,to:160},{negative:gc,positive:bc}=Mt("light"),ws=.06;function rr(r,t){let e=Math.min(Math.abs(r),1),n=r<0?bc:gc,o=Math.round(nr.from+e*(nr.to-nr.from)),s=e===0?0:(ws+(1-ws)*e)*t;return[n[3*o],n[3*o+1],n[3*o+2],Math.round(s*255)]}function vs(r,t,e){let n=new Uint8ClampedArray(r.length*4);return r.forEach((o,s)=>{n.set(rr(st(o,t),e),4*s)}),n}function xs(r,t,e,n){let o=t*n,s=new Uint8ClampedArray(o*e*n*4),i=(a,l)=>{let c=Math.min(Math.max((a+.5)/n-.5,0),l-1),h=Math.min(Math.floor(c),Math.max(l-2,0));return{low:h,high:Math.min(h+1,l-1),share:c-h}};for(let a=0;a<e*n;a++){let l=i(a,e);for(let c=0;c<o;c++){let h=i(c,t),u=[[l.low,h.low,(1-l.share)*(1-h.share)],[l.low,h.high,(1-l.share)*h.share],[l.high,h.low,l.share*(1-h.share)],[l.high,h.high,l.share*h.share]],p=[0,0,0,0];for(let[d,f,g]of u){let y=4*(d*t+f),w=r[y+3]*g;for(let x=0;x<3;x++)p[x]+=r[y+x]*w;p[3]+=w}let m=4*(a*o+c);for(let d=0;d<3;d++)s[m+d]=p[3]>0?p[d]/p[3]:0;s[m+3]=p[3]}}return s}function or(r){return .45*r}var ks=46,yc=260,oe=8,wc=2,vc=600;function As({size:r,image:t}){let e={width:r.width-2*oe,height:r.height-ks-oe},n=Math.max(Math.min(e.width/t.width,e.height/t.height),0),[o,s]=[t.width*n,t.height*n];return{x:oe+(e.width-o)/2,y:oe/2+(e.height-s)/2,width:o,height:s}}function Ss(r,t,e){let n=As(r),{rows:o,columns:s}=r.grid,i=Math.floor((e-n.y)/n.height*o),a=Math.floor((t-n.x)/n.width*s);return i>=0&&i<o&&a>=0&&a<s?{row:i,column:a}:null}function sr(r,t,e){let{grid:n,palette:o,values:s,scale:i,strength:a,chosen:l,smooth:c}=t,h=As(t);if(r.rect({x:0,y:0,...t.size},o.background),e(h),s){r.rect(h,o.background,or(a));let u=vs(s,i,a);if(c){let p=Math.floor(vc/Math.max(n.rows,n.columns)),m=Math.max(1,Math.min(p,Math.round(h.width/n.columns/wc))),d=xs(u,n.columns,n.rows,m);r.pixels(h,d,n.columns*m,n.rows*m)}else r.pixels(h,u,n.columns,n.rows)}if(l){let[u,p]=[h.width/n.columns,h.height/n.rows],m={x:h.x+l.column*u,y:h.y+l.row*p,width:u,height:p};r.outline(m,"#000000",4),r.outline(m,"#ffffff",2)}xc(r,t)}function xc(r,{size:t,scale:e,strength:n,legend:o,palette:s}){let i=Math.min(yc,t.width-6*oe),a={x:(t.width-i)/2,y:t.height-ks+18,width:i,height:10};r.text(t.width/2,a.y-10,o,{size:12,colour:s.dimmed,anchor:"middle"}),r.rect(a,"#808080"),r.rect(a,s.background,or(n));let l=64;for(let c=0;c<l;c++){let h=(c+.5)/l,[u,p,m,d]=rr(e.signed?2*h-1:h,n),f=a.x+c/l*i;r.rect({...a,x:f,width:i/l},`rgb(${u},${p},${m})`,d/255)}r.outline(a,s.frame,1);for(let{place:c,text:h}of Fe(e)){let u=a.x+c*i;r.text(u,a.y+18,h,{size:11,colour:s.text,anchor:"middle",mono:!0})}}var ir=class{constructor(t){this.places=t;t.tokens.forEach((e,n)=>{this.patchOfToken.set(e,t.patches[n]),this.tokenOfPatch.set(t.patches[n],e)})}places;patchOfToken=new Map;tokenOfPatch=new Map;get count(){return this.places.rows*this.places.columns}token(t,e){return this.tokenOfPatch.get(t*this.places.columns+e)??null}patch(t){let e=t===null?void 0:this.patchOfToken.get(t);return e===void 0?null:{row:Math.floor(e/this.places.columns),column:e%this.places.columns}}};function Et(r,t,e=0){if(r.images.length===0)return"this recording has no picture";let n=r.maps[t.map];if(!n)return"there is no map";let o=r.images.filter(u=>u.item===n.item);if(o.length===0)return"this sequence has no picture";let s=o.flatMap(u=>u.maps.filter(p=>p.map===t.map).map(({queries:p,keys:m})=>({image:u,queries:p,keys:m})));if(s.length===0)return"this map does not look at the picture";let{image:i,queries:a,keys:l}=s[Math.min(e,s.length-1)];if(!i.src.startsWith("data:image/"))return"the picture is not embedded in the page";let c=u=>u===null?null:new ir(i.places[u]),h=u=>new Set(s.flatMap(p=>p.image.places[p[u]??-1]?.tokens??[]));return{image:i,info:n,queries:c(a),keys:c(l),pictures:s.length,queriesOfAll:h("queries"),keysOfAll:h("keys")}}function Tt(r,t){return t==="from"?r.queries:r.keys}function it(r,t){let e=t==="from"?r.keys:r.queries;if(!e)throw new Error(`no patches to show ${t} a token`);return e}function ar(r,t,e){let{info:n,queriesOfAll:o,keysOfAll:s}=r,[i,a]=t==="from"?[n.queries,o]:[n.keys,s],l=[];for(let c=0;c<i&&l.length<e;c++)a.has(c)||l.push(c);return l}function De(r,t){let{info:e,queriesOfAll:n,keysOfAll:o}=r,[s,i]=t==="from"?[e.queries,n]:[e.keys,o],a=-1;for(let l of i)a=Math.max(a,l);return a+1<s?a+1:ar(r,t,1)[0]}function lr(r,t,e,n){let o=Tt(t,e)?.patch(n);if(o)return cr(o);let s=r.axes[e==="from"?t.info.rowAxes[0]:t.info.columnAxis];return S(s.tokens[n]??String(n))}function cr({row:r,column:t}){return`row ${r+1}, column ${t+1}`}var kc=1<<19,je=class{constructor(t,e){this.app=t;this.changed=e}app;changed;found=null;subject="";whole=null;wanted=-1;reading=!1;abort=new AbortController;look(t,e,n,o,s=0){let i=JSON.stringify([t.map,t.heads,n,s]);if(i!==this.subject&&(this.stop(),this.subject=i),this.wanted===o)return;this.wanted=o;let a=n==="from"?e.info.queries:e.info.keys;this.whole?this.found=Ms(this.whole,e,n,o):a*it(e,n).places.tokens.length>kc?(this.restart(),this.read(t,e,n,[o,o+1],l=>{this.found={token:o,values:Es(l,e,n)}})):this.reading||(this.reading=!0,this.read(t,e,n,[0,a],l=>{this.whole=l,this.found=Ms(l,e,n,this.wanted)}))}stop(){this.restart(),this.subject="",this.whole=null,this.found=null,this.wanted=-1,this.reading=!1}restart(){this.abort.abort(),this.abort=new AbortController}async read({map:t,heads:e},n,o,[s,i],a){let{signal:l}=this.abort,c={start:s,stop:i,count:i-s},h=Ac(it(n,o).places.tokens),[u,p]=o==="from"?[c,h]:[h,c],m={how:"mean",hideSpecial:!1,renormalise:!1,sample:0};try{let{values:d}=await this.app.source.region({map:t,heads:e,rows:u,columns:p,...m},l);if(l.aborted)return;a(d),this.changed()}catch(d){l.aborted||this.app.fail(d)}}};function Ac(r){let[t,e]=[r[0],r.length];return r.every((n,o)=>n===t+o)?{start:t,stop:t+e,count:e}:{starts:r,stops:r.map(n=>n+1)}}function Ms(r,t,e,n){let o=it(t,e).places.tokens.length,s=e==="from"?r.subarray(n*o,(n+1)*o):Float32Array.from({length:o},(i,a)=>r[a*t.info.keys+n]);return{token:n,values:Es(s,t,e)}}function Es(r,t,e){let n=it(t,e),o=new Float32Array(n.count);return r.forEach((s,i)=>{o[n.places.patches[i]]=s}),o}var Sc=200,Mc=100,Ye=class{constructor(t,e){this.app=e;this.looked=Et(e.manifest,e.store.state),this.weights=new je(e,()=>this.request()),this.build(t);let n=new ResizeObserver(()=>this.resize());n.observe(this.stage),this.stops.push(()=>n.disconnect(),e.store.subscribe((o,s)=>{(s.has("map")||s.has("direction"))&&this.lookAgain(),this.request()})),this.lookAgain(),this.resize()}app;element=b("div","image-view");tokens=b("div","image-tokens");status=b("p","image-status");stage=b("div","image-stage");canvas=b("canvas","image-canvas");strength=We("range",{min:"0",max:"100",value:"80"});smooth=We("checkbox",{});directions={from:We("radio",{name:"image-direction"}),to:We("radio",{name:"image-direction"})};picture=new Image;weights;stops=[];size={width:0,height:0};looked;which=0;pictures=b("div","image-tokens");frameRequest=0;under=null;pointed=!1;redraw(){this.request()}destroy(){cancelAnimationFrame(this.frameRequest);for(let t of this.stops)t();this.weights.stop(),this.element.remove()}keydown(t){if(typeof this.looked=="string"||t.altKey||t.metaKey||t.ctrlKey)return!1;let{store:e}=this.app,{queries:n,keys:o}=this.looked;if(t.key==="Enter"&&this.chosen()!==null)e.set({...this.choice(this.chosen()),pinned:!0}),this.app.say("kept");else if(t.key==="Escape"&&e.state.pinned)e.set({pinned:!1});else if(t.key==="d"&&n&&o)this.turn(this.direction()==="from"?"to":"from");else if(t.key==="b")this.smooth.click();else{let s=Tt(this.looked,this.direction()),{rows:i,columns:a}=s?.places??{rows:0,columns:0},c={ArrowUp:[-1,0],ArrowDown:[1,0],ArrowLeft:[0,-1],ArrowRight:[0,1],Home:[0,-a],End:[0,a]}[t.key];if(!c||!s)return!1;let h=s.patch(this.chosen()),u=h?F(h.row+c[0],0,i-1):Math.floor(i/2),p=h?F(h.column+c[1],0,a-1):Math.floor(a/2);this.pointed=!1;let m=s.token(u,p);m!==null&&e.set(this.choice(m)),this.draw(),this.app.say(this.status.textContent??"")}return!0}async table(t=!1){let e=ot(t),{state:n}=this.app.store;if(typeof this.looked=="string")return{caption:this.looked,columns:[],rows:[]};let{info:o}=this.looked,s=it(this.looked,this.direction()),{columns:i,tokens:a}=s.places,l=this.weights.found?.values??new Float32Array;return{caption:`${O(o,n.heads)}: the strongest of ${a.length} patches; ${this.sentence()}`,columns:["row","column","token","weight"],rows:_e(l,Mc).map(c=>{let[h,u]=[Math.floor(c/i),c%i];return[String(h+1),String(u+1),String(s.token(h,u)),e(l[c])]})}}async svg(){let{manifest:t,palette:e}=this.app,n=this.scene();if(!n||typeof this.looked=="string")throw new Error(`no picture to export: ${this.looked}`);let{width:o,height:s}=this.size,i=44,a=`${S(t.title,120)} \u2013 ${O(this.looked.info,this.app.store.state.heads)}`,l=new qt(o,s+i,He);return l.rect({x:0,y:0,width:o,height:i},e.background),l.text(8,14,a,{size:13,colour:e.text,bold:!0}),l.text(8,32,this.sentence(),{size:12,colour:e.dimmed}),l.shifted(0,i,()=>sr(l,n,c=>l.image(c,n.image.src))),l.document(`${a}: ${this.sentence()}`)}direction(){return typeof this.looked=="string"||!this.looked.queries?"from":this.looked.keys?this.app.store.state.direction:"to"}chosen(){if(typeof this.looked=="string")return null;let{info:t}=this.looked,e=this.direction()==="from",n=e?this.app.store.state.query:this.app.store.state.key;if(n!==null&&n>=0&&n<(e?t.queries:t.keys))return n;let o=Tt(this.looked,this.direction())?.places.tokens[0]??0;return De(this.looked,this.direction())??o}choice(t){return this.direction()==="from"?{query:t}:{key:t}}turn(t){let e=this.chosen();this.app.store.set({direction:t,...t==="from"?{query:e}:{key:e}})}lookAgain(){let{manifest:t,store:e}=this.app;if(this.looked=Et(t,e.state,this.which),this.showPictures(),this.tokens.replaceChildren(),typeof this.looked=="string")return;this.picture.src!==this.looked.image.src&&(this.picture.src=this.looked.image.src);let n=this.direction();this.directions[n].checked=!0,this.directions.to.disabled=!this.looked.queries,this.directions.from.disabled=!this.looked.keys;let o=this.looked;for(let s of ar(o,n,Sc)){let i=M(lr(t,o,n,s),"",()=>{this.pointed=!1,e.set({...this.choice(s),pinned:!0})});i.dataset.token=String(s),this.tokens.append(i)}}showPictures(){this.pictures.replaceChildren();let t=typeof this.looked=="string"?0:this.looked.pictures;this.which=Math.min(this.which,Math.max(t-1,0));for(let e=0;t>1&&e<t;e++){let n=M(`picture ${e+1}`,"",()=>{this.which=e,this.under=null,this.lookAgain(),this.request()});n.setAttribute("aria-pressed",String(e===this.which)),this.pictures.append(n)}}hover(t){if(typeof this.looked=="string")return;let e=this.canvas.getBoundingClientRect(),{image:n}=this.looked,o=it(this.looked,this.direction()).places;this.under=Ss({size:this.size,image:n,grid:o},t.clientX-e.left,t.clientY-e.top);let s=Tt(this.looked,this.direction()),i=this.under&&s?s.token(this.under.row,this.under.column):null;this.app.store.state.pinned||!s?this.request():i!==null?(this.pointed=!0,this.app.store.set(this.choice(i))):this.leave()}leave(){this.under=null,this.request(),!(!this.pointed||this.app.store.state.pinned)&&(this.pointed=!1,this.app.store.set(this.choice(null)))}click(){if(this.canvas.focus({preventScroll:!0}),!this.under||typeof this.looked=="string")return;let t=Tt(this.looked,this.direction())?.token(this.under.row,this.under.column)??null;if(t===null)return;let e=this.app.store.state.pinned&&this.chosen()===t;this.pointed=e,this.app.store.set({...this.choice(t),pinned:!e})}resize(){this.size={width:this.stage.clientWidth,height:this.stage.clientHeight},this.request()}request(){this.frameRequest===0&&(this.frameRequest=requestAnimationFrame(()=>this.draw()))}draw(){cancelAnimationFrame(this.frameRequest),this.frameRequest=0;let t=this.chosen();if(typeof this.looked=="string"||t===null){this.status.textContent=String(this.looked);return}this.weights.look(this.app.store.state,this.looked,this.direction(),t,this.which),this.status.textContent=this.sentence(),this.canvas.setAttribute("aria-label",`the picture, ${this.sentence()}`);for(let s of this.tokens.children)s.setAttribute("aria-pressed",String(s.dataset.token===String(t)));let e=this.scene(),n=this.size.width<20||this.size.height<80?null:ne(this.canvas,this.size);if(!e||!n)return;let o=this.picture.complete&&this.picture.naturalWidth>0;sr(new At(n),e,({x:s,y:i,width:a,height:l})=>{n.imageSmoothingEnabled=!0,o&&n.drawImage(this.picture,s,i,a,l)})}scene(){if(typeof this.looked=="string")return null;let{image:t,info:e}=this.looked,{state:n}=this.app.store,o=this.weights.found?.values??null,s=n.scale==="log"?"log":"linear",{probabilities:i,keys:a}=e,l=o??new Float32Array,c=s==="linear"&&i&&n.scale==="auto"?Ec(l):null,h=It(s,l,!i,i?1/a:0,n.limits??c);return{size:this.size,image:t,grid:it(this.looked,this.direction()).places,values:o,scale:h,strength:Number(this.strength.value)/100,smooth:this.smooth.checked,chosen:Tt(this.looked,this.direction())?.patch(this.chosen())??null,legend:s==="log"?"weight, by logarithm":"weight",palette:this.app.palette}}sentence(){let t=this.chosen();if(typeof this.looked=="string")return this.looked;let{found:e}=this.weights;if(t===null||e?.token!==t)return"reading \u2026";let{info:n,image:o}=this.looked,{state:s,manifest:i}={state:this.app.store.state,manifest:this.app.manifest},a=this.direction(),l=S(lr(i,this.looked,a,t),60),c=it(this.looked,a),h=e.values.reduce((m,d)=>m+d,0),u=[a==="from"?`what ${l} attends to: ${L(h)} of its weight is on the picture`:`what attends to ${l}: ${L(h/c.places.tokens.length)} of a patch's weight, on average`],p=s.pinned?this.under:null;return p&&c.token(p.row,p.column)!==null&&u.push(`${cr(p)}: ${L(e.values[p.row*c.places.columns+p.column])}`),o.note&&u.push(o.note),s.heads.length>1&&u.push(`mean of ${s.heads.length} heads`),n.error>0&&u.push(`error at most ${te(n.error)}`),u.join(" \xB7 ")}build(t){let e=b("div","image-bar"),n=b("fieldset"),o=b("legend","","Show");n.append(o,Ke(this.directions.from,"what it attends to"),Ke(this.directions.to,"what attends to it"));for(let i of["from","to"])this.directions[i].addEventListener("change",()=>this.turn(i));this.strength.addEventListener("input",()=>this.request()),this.smooth.addEventListener("change",()=>this.request());let s=Ke(this.strength,"Strength");s.prepend(s.lastChild),e.append(n,s,Ke(this.smooth,"Smooth")),this.tokens.setAttribute("role","group"),this.tokens.setAttribute("aria-label","tokens that are no patches"),this.canvas.tabIndex=0,this.canvas.setAttribute("role","img"),this.canvas.addEventListener("pointermove",i=>this.hover(i)),this.canvas.addEventListener("pointerleave",()=>this.leave()),this.canvas.addEventListener("click",()=>this.click()),this.picture.addEventListener("load",()=>this.request()),this.picture.addEventListener("error",()=>this.app.fail(new Error("the picture could not be shown"))),this.stage.append(this.canvas),this.pictures.setAttribute("role","group"),this.pictures.setAttribute("aria-label","pictures"),this.element.append(e,this.pictures,this.tokens,this.status,this.stage),t.append(this.element)}};function Ec(r){let t=r.filter(o=>o>0),[e,n]=[Math.min(...t),Math.max(...t)];return e<n?[e,n]:null}function We(r,t){let e=b("input");e.type=r;for(let[n,o]of Object.entries(t))e.setAttribute(n,o);return e}function Ke(r,t){let e=b("label");return e.append(r,document.createTextNode(t)),e}var Ts={name:"image",title:"Image",styles:bs,keys:[["\u2190 \u2191 \u2192 \u2193","choose the next patch"],["Home, End","first or last patch of the row"],["d","what it attends to, or what attends to it"],["b","smooth overlay, or patch by patch"],["Enter, Escape","keep the chosen token, let it go"]],settings:["scale"],about:"Image: the picture that the model looked at, coloured by how much a part of it is looked at.",meaning:()=>"The stronger the colour over a part of the picture, the more the chosen token looked at it.",unavailable:(r,t)=>{let e=Et(r,t);return typeof e=="string"?e:null},mount:(r,t)=>new Ye(r,t)};var $s=`.map-view {
  position: relative;
  height: 100%;
  color: var(--text);
  background: var(--background);
}
/* In the corner below the colour bar, where nothing is drawn. */
.map-zoom {
  position: absolute;
  right: 6px;
  bottom: 6px;
  display: flex;
  flex-direction: column;
  gap: 2px;
}
.map-zoom button {
  min-width: 28px;
  height: 26px;
  padding: 0 8px;
  font:
    13px system-ui,
    sans-serif;
  color: var(--text);
  background: var(--background);
  border: 1px solid var(--frame);
  border-radius: 4px;
  cursor: pointer;
}
.map-zoom button:focus-visible {
  outline: 2px solid var(--accent);
  outline-offset: 1px;
}
.map-stage {
  position: absolute;
  inset: 0;
  overflow: auto;
}
.map-canvas,
.map-overlay {
  position: absolute;
  top: 0;
  left: 0;
}
.map-canvas {
  touch-action: none;
  cursor: crosshair;
}
.map-overlay {
  pointer-events: none;
}
/* Above the overlay, which would cover an outline of the canvas beneath it. */
.map-canvas:focus-visible ~ .map-overlay {
  outline: 2px solid var(--accent);
  outline-offset: -2px;
}
.map-canvas:focus-visible {
  outline: none;
}
.map-hint {
  position: absolute;
  top: 40%;
  left: 50%;
  margin: 0;
  padding: 6px 12px;
  transform: translateX(-50%);
  color: var(--background);
  background: var(--text);
  border-radius: 4px;
  font:
    14px system-ui,
    sans-serif;
  pointer-events: none;
}
.bar-end {
  position: absolute;
  height: 12px;
  touch-action: none;
  cursor: ns-resize;
}
.bar-end::after {
  display: block;
  height: 4px;
  margin-top: 4px;
  background: var(--text);
  border-radius: 2px;
  content: "";
}
`;var Ls=40;function Xe({map:r,query:t,key:e}){return t===null&&e===null?null:{map:r,query:t,key:e}}function Je(r,t){return r.map===t.map&&r.query===t.query&&r.key===t.key}function se(r,t){let e=r.filter(n=>!Je(n,t));return e.length<r.length?e:[...e,t].slice(-Ls)}function Ut(r,t,e){let[n,o]=[r.maps[t.map],r.maps[e]];if(!n||!o||n.item!==o.item&&n.of===o.of)return!1;let s=t.query===null||n.rowAxes.join()===o.rowAxes.join(),i=t.key===null||n.columnAxis===o.columnAxis;return s&&i}function Os(r,t,e){let n=Ut(e,r,t.map),o=e.maps[r.map].heads,s={query:r.query,key:r.key,pinned:!0};if(n)return s;let i=t.heads.filter(a=>a<o);return{...s,map:r.map,heads:i.length>0?i:[0],viewport:null,rowAxis:0}}function Ps(r){return r.map(({map:t,query:e,key:n})=>`${t}.${e??""}-${n??""}`).join(",")}function Cs(r,t){let e=[];for(let n of r.split(",")){let[,o,s,i]=/^(\d{1,6})\.(\d{0,9})-(\d{0,9})$/.exec(n)??[],a=o===void 0?void 0:t.maps[Number(o)];if(!a||s===""&&i==="")continue;let l={map:Number(o),query:s===""?null:Number(s),key:i===""?null:Number(i)};(l.query??0)<a.queries&&(l.key??0)<a.keys&&e.length<Ls&&!e.some(h=>Je(h,l))&&e.push(l)}return e}function Qe(r,t){let{manifest:e,store:n}=r,{state:o}=n,s=r.marked?.()??{rows:[],columns:[]},i=o.pins.flatMap(a=>{let l=o.map<e.maps.length&&Ut(e,a,o.map),c=a.query===null?null:t.rows.unitOf(a.query),h=a.key===null?null:t.columns.unitOf(a.key);return!l||c===-1||h===-1?[]:[{row:c,column:h}]});return{found:{rows:s.rows.flatMap(a=>Rs(t.rows,a.start,a.stop)),columns:s.columns.flatMap(a=>Rs(t.columns,a.start,a.stop))},pins:i,bands:{rows:qs(t.rows),columns:qs(t.columns)}}}function Rs(r,t,e){let n=[];for(let o=t;o<e;o++){let s=r.unitOf(o);s>=0&&n.push(s)}return n.length===0?[]:[[n[0],n[n.length-1]+1]]}function qs(r){return(r.axis.bands?.[0]?.spans??[]).flatMap(([t,e])=>{let[n,o]=[-1,-1];for(let s=t;s<e&&n<0;s++)n=r.unitOf(s);for(let s=e-1;s>=t&&o<0;s--)o=r.unitOf(s);return n<0?[]:[[n,o+1]]})}function hr({axis:r}){let t=r.bands?.[0];return t?`: ${t.texts.length<=4?t.texts.join(" | "):`${t.texts.length} ${t.name}`}`:""}var gt=class{constructor(t){this.store=t}store;before=null;get passing(){return this.before!==null}over(t){let{pinned:e,query:n,key:o,direction:s}=this.store.state;e||(this.before??={query:n,key:o,direction:s},this.store.set(t))}leave(){let{before:t}=this;this.before=null,t&&!this.store.state.pinned&&this.store.set(t)}keep(){this.before=null}};var $c=4;function ur(r,[t,e],n,{spacing:o,far:s,room:i},a){let l=Math.ceil(o/n-1e-9),c=l<=$c,h=c?Math.max(l,1):Lc(s/n),u=[],p=Math.min(Math.ceil(e),r.count);for(let m=Math.ceil(Math.max(Math.floor(t),0)/h)*h;m<p;m+=h){let d=(m+.5-t)*n;if(d<0||d>(e-t)*n)continue;let f=c?j($t(S(r.label(m)),i,a)):$(r.start(m));u.push({unit:m,at:d,text:f,special:c&&r.special(m)})}return{marks:u,named:c,every:h}}function Lc(r){let t=10**Math.floor(Math.log10(Math.max(r,1)));return[1,2,5,10].map(e=>e*t).find(e=>e>=r)??10*t}function $t(r,t,e){if(e(r)<=t)return r;let n=[...r],o=1,s=n.length-1;for(;o<s;){let i=o+s+1>>1;e(`${n.slice(0,i).join("")}\u2026`)<=t?o=i:s=i-1}return`${n.slice(0,o).join("")}\u2026`}function pr(r,t,e){let n=Math.min(r.count,512),o=Array.from({length:n},(a,l)=>e(S(r.label(Math.floor(l*r.count/n)),24))).sort((a,l)=>a-l),s=n>40?o[Math.floor(n*.95)]:o[n-1]??0,i=e($(r.axis.tokens.length));return Math.min(Math.ceil(Math.max(s,i)),t)}var mr=88,zt=96,Oc=16,Ns=.25;function Hs(r,t){return r.top<=t.top&&r.left<=t.left&&r.bottom>=t.bottom&&r.right>=t.right}function Fs({rows:r,columns:t}){return{top:0,bottom:r,left:0,right:t}}function Gt(r,t){let e=t.width/Math.max(r.columns,1),n=t.height/Math.max(r.rows,1),o=Math.min(e,n,mr),s=o*r.columns>=Ns*t.width&&o*r.rows>=Ns*t.height;return o>=Oc||s?{square:!0,x:o,y:o}:{square:!1,x:Math.min(e,mr),y:Math.min(n,mr)}}function Bs(r,t,e){let n=Gt(t,e),o=r&&Pc(r,t);if(!o)return{view:Fs(t),x:n.x,y:n.y};let s=o.right-o.left,i=o.bottom-o.top,a=Math.min(e.width/s,zt),l=Math.min(e.height/i,zt);if(n.square){let u=Math.max(Math.min(a,l),n.x);return Is(o,t,e,u,u)}let c=s>=t.columns?n.x:Math.max(a,n.x),h=i>=t.rows?n.y:Math.max(l,n.y);return Is(o,t,e,c,h)}function Us(r,t,e,n,o){let s=Gt(t,e),i=F(r.x*n,s.x,Math.max(zt,s.x)),a=F(r.y*n,s.y,Math.max(zt,s.y)),l=r.view.left+o.x/r.x,c=r.view.top+o.y/r.y;return ie(l-o.x/i,c-o.y/a,t,e,i,a)}function zs(r,t,e,n,o){let{view:s,x:i,y:a}=r;return ie(s.left-n/i,s.top-o/a,t,e,i,a)}function Gs(r,t,e){let n=Math.max(r.right-r.left,1),o=Math.max(r.bottom-r.top,1),s=Gt(t,e),i=F(e.width/n,s.x,Math.max(zt,s.x)),a=F(e.height/o,s.y,Math.max(zt,s.y));s.square&&(i=a=Math.min(i,a));let l=(r.left+r.right)/2-e.width/i/2,c=(r.top+r.bottom)/2-e.height/a/2;return ie(l,c,t,e,i,a)}function Vs(r,t,e,n,o){let{view:s,x:i,y:a}=r,l=(u,p,m)=>m<u?m:m+1>p?u+m+1-p:u,c=l(s.left,s.right,o),h=l(s.top,s.bottom,n);return ie(c,h,t,e,i,a)}function ie(r,t,e,n,o,s){let i=Math.min(n.width/o,e.columns),a=Math.min(n.height/s,e.rows),l=1e-9;if(i>=e.columns-l&&a>=e.rows-l)return null;let c=F(r,0,e.columns-i),h=F(t,0,e.rows-a);return{top:h,bottom:h+a,left:c,right:c+i}}function Is(r,t,e,n,o){let s=(r.left+r.right)/2-e.width/n/2,i=(r.top+r.bottom)/2-e.height/o/2;return{view:ie(s,i,t,e,n,o)??Fs(t),x:n,y:o}}function Pc(r,t){let e={top:F(r.top,0,t.rows),bottom:F(r.bottom,0,t.rows),left:F(r.left,0,t.columns),right:F(r.right,0,t.columns)};return e.bottom>e.top&&e.right>e.left&&Object.values(e).every(Number.isFinite)?e:null}var dr={level:0,slanted:-45,upright:-90},D=12,_s=10,ae=48,Ze=1,tn=Math.SQRT1_2,en=18,K=6,Cc=40,Rc=70,Ds=12,qc=58;function le(r,t,e,n){let o={rows:t.rows.count,columns:t.columns.count},s=r.width<480,i=r.height<420,a=r.height<300,l=r.height<560||r.width<720?26:38,c=s?70:Math.min(120,r.height/4),h=pr(t.rows,c,n),u=pr(t.columns,c,n),p=s?0:(t.info.probabilities?2:1)*(l+K),m=a?0:(i?1:2)*(l+K),d=en+Math.max(h,Cc)+K,f=p+K+Ds+qc,g=s||a?0:Rc,y={level:en+D+Ze+K+(g>0?D:0),slanted:en+Math.ceil(Math.max(u,g)*tn)+D,upright:en+Math.max(u,g)+K},w=yt=>({width:Math.max(40,r.width-d-f),height:Math.max(40,r.height-yt-m-K)}),x=yt=>Gt(o,w(y[yt])),A=_s+Ze,v=x("level").x>=u+8?"level":x("slanted").x*tn>=A||o.columns>ae?"slanted":"upright",k=w(y[v]),E={width:o.columns>ae?k.width:Math.max(k.width,A*o.columns),height:o.rows>ae?k.height:Math.max(k.height,A*o.rows)},T={width:d+E.width+f,height:y[v]+E.height+m+K},R=Gt(o,E),N=Math.min(o.rows>ae?Number.POSITIVE_INFINITY:R.y,o.columns>ae||v==="level"?Number.POSITIVE_INFINITY:R.x*(v==="slanted"?tn:1)),I=F(Math.floor(N)-Ze,_s,D),C=I+Ze,H=Bs(e,o,E),{view:G}=H,Y={x:d,y:y[v],width:(G.right-G.left)*H.x,height:(G.bottom-G.top)*H.y},Jr=Y.x+Y.width+K,ul=Y.y+Y.height+K,Qr=yt=>({x:Y.x,y:ul+yt*(l+K),width:Y.width,height:l}),Zr=yt=>({x:Jr+yt*(l+K),y:Y.y,width:l,height:Y.height});return{size:{width:Math.max(T.width,r.width),height:Math.max(T.height,r.height)},room:E,plot:Y,frame:H,extent:o,columns:v,letters:I,rowRoom:h,columnRoom:u,rowMarks:ur(t.rows,[G.top,G.bottom],H.y,{spacing:C,far:40,room:h},n),columnMarks:ur(t.columns,[G.left,G.right],H.x,{spacing:{level:1,slanted:C/tn,upright:C}[v],far:80,room:u},n),received:a?null:Qr(0),rowProfile:i?null:Qr(1),entropy:s||!t.info.probabilities?null:Zr(0),columnProfile:s?null:Zr(t.info.probabilities?1:0),bar:{x:Jr+p+K,y:Y.y,width:Ds,height:Math.min(Math.max(Y.height,80),220)}}}function js(r,t,e){let{plot:n,size:o,received:s,rowProfile:i}=le({width:t,height:4096},r,null,e),a=i??s??n;return Math.min(o.height,Math.ceil(a.y+a.height+K))}function fr(r,t,e){let{plot:n,frame:o}=r;if(t<n.x||e<n.y||t>=n.x+n.width||e>=n.y+n.height)return null;let s=Math.floor(o.view.top+(e-n.y)/o.y),i=Math.floor(o.view.left+(t-n.x)/o.x);return s<r.extent.rows&&i<r.extent.columns?{row:s,column:i}:null}function V(r,t,e){let{plot:n,frame:o}=r;return{x:n.x+(e[0]-o.view.left)*o.x,y:n.y+(t[0]-o.view.top)*o.y,width:(e[1]-e[0])*o.x,height:(t[1]-t[0])*o.y}}function ht({x:r,y:t,width:e,height:n},o){let s=Math.max(r,o.x),i=Math.max(t,o.y),a=Math.min(r+e,o.x+o.width),l=Math.min(t+n,o.y+o.height);return a>s&&l>i?{x:s,y:i,width:a-s,height:l-i}:null}var nn=[[0,114,178],[213,94,0],[0,158,115],[204,121,167],[230,159,0],[86,180,233]];function Ws(r){return`rgb(${nn[r].join(" ")})`}function Ks(r,t){let e=r[0]?.length??0,n=new Uint8ClampedArray(4*e),o=t.name==="dark",s=Array.from(t.positive.subarray(0,3));for(let i=0;i<e;i++){for(let a=0;a<3;a++){let l=1;for(let c=0;c<r.length;c++){let h=nn[c][a]/255;l*=1-r[c][i]*(o?h:1-h)}n[4*i+a]=o?255-(255-s[a])*l:s[a]*l}n[4*i+3]=255}return n}var Nc=4,he=1<<20,Ic=1<<18;function Ys(r,t,e,n,o){let s=1;for(;s*n<o&&s<e;)s*=2;let i=Math.max(0,Math.floor(r/s)*s),a=Math.min(e,Math.ceil(t/s)*s);return{first:i,last:a,step:s,count:Math.max(0,Math.ceil((a-i)/s))}}function Vt({view:r,x:t,y:e},n,o){for(let s=1;;s*=1.5){let i=Ys(r.top,r.bottom,n.rows.count,e,s),a=Ys(r.left,r.right,n.columns.count,t,s);if(i.count*a.count<=o)return{rows:i,columns:a}}}function _t(r,t){let e=(n,o)=>n.first===o.first&&n.last===o.last&&n.step===o.step;return e(r.rows,t.rows)&&e(r.columns,t.columns)}function gr(r,{first:t,last:e,step:n,count:o}){if(r.count===r.axis.tokens.length&&(e-t)%n===0)return{start:t,stop:e,count:o};let i=[],a=[];for(let l=t;l<e;l+=n)i.push(r.start(l)),a.push(r.stop(Math.min(l+n,e)-1));return{starts:i,stops:a}}function ue(r,t,e,n){let o=[t.rows.axis,t.columns.axis].some(l=>at(l,r.unit)!==null),s=e.step*n.step,i=s>Nc&&t.info.probabilities,a=r.how==="auto"?i?"max":"mean":r.how;return o?a==="max"&&s>1?"max":"mass":a}function Qs(r,t){return t.step===1?r:r.map((e,n)=>{let o=t.first+n%t.count*t.step;return e/(Math.min(o+t.step,t.last)-o)})}function pe(r,t){return t.count===0?0:r.stop(t.last-1)-r.start(t.first)}function Zs(r,t,e){let n=r.rows*r.columns,o=new Float32Array(n);for(let s of t){let i=r[e].subarray(s*n,(s+1)*n);for(let a=0;a<n;a++)o[a]+=i[a]/t.length}return o}function ti(r,t,e,n,o){let{rows:s,columns:i}=Vt(r,t,Ic),a=e.filter(c=>Xs(c.rows,s)&&Xs(c.columns,i));if(a.length===0&&n===null)return null;let l=new Float32Array(s.count*i.count);if(n){let c=ce(s).map(p=>Js(t.rows.start(p),t.info.queries,n.rows)),h=ce(i).map(p=>Js(t.columns.start(p),t.info.keys,n.columns)),u=ce(i).map(p=>o?t.columns.stop(p)-t.columns.start(p):1);for(let p=0;p<s.count;p++){let m=c[p]*n.columns,d=p*i.count;for(let f=0;f<i.count;f++)l[d+f]=n.values[m+h[f]]*u[f]}}for(let c of[...a].reverse()){let h=ce(s).map(p=>Lt(c.rows,p)),u=ce(i).map(p=>Lt(c.columns,p));for(let p=0;p<s.count;p++){if(h[p]<0)continue;let m=h[p]*c.columns.count,d=p*i.count;for(let f=0;f<i.count;f++)u[f]>=0&&(l[d+f]=c.values[m+u[f]])}}return{rows:s,columns:i,values:l,sampled:0,every:1,read:!1}}function Lt(r,t){return t<r.first||t>=r.last?-1:Math.floor((t-r.first)/r.step)}function nt(r,t){let e=r.first+t*r.step;return[e,Math.min(e+r.step,r.last)]}function ce(r){return Int32Array.from({length:r.count},(t,e)=>{let[n,o]=nt(r,e);return n+o-1>>1})}function Xs(r,t){return r.first<t.last&&t.first<r.last}function Js(r,t,e){return Math.min(e-1,Math.floor(((r+1)*e-1)/t))}var br=5,Hc=3;function ei(r,t,e,{found:n,pins:o,bands:s}){let{plot:i}=t,a=(l,c,h,u,p=1)=>{let m=c==="rows"?V(t,l,[0,0]):V(t,[0,0],l),d=c==="rows"?{x:i.x-h,y:m.y,width:h,height:Math.max(m.height,1.5)}:{x:m.x,y:i.y-h,width:Math.max(m.width,1.5),height:h},f=c==="rows"?{...i,x:i.x-h,width:h}:{...i,y:i.y-h,height:h},g=ht(d,f);g&&r.rect(g,u,p)};for(let l of["rows","columns"]){s[l].forEach((h,u)=>{a(h,l,Hc,e.dimmed,u%2?.9:.4)});let c=Number.NEGATIVE_INFINITY;for(let h of n[l]){let u=h[0]*(l==="rows"?t.frame.y:t.frame.x);u-c<1||(c=u,a(h,l,br,e.accent))}}r.clipped(i,()=>{for(let[l,c]of Object.entries(s))for(let[h]of c.slice(1)){let{x:u,y:p}=l==="rows"?V(t,[h,h],[0,0]):V(t,[0,0],[h,h]),m=l==="rows"?[i.x+i.width,p]:[u,i.y+i.height];r.line([l==="rows"?[i.x,p]:[u,i.y],m],e.dimmed,1)}for(let{row:l,column:c}of o){let h=V(t,l===null?[0,t.extent.rows]:[l,l+1],c===null?[0,t.extent.columns]:[c,c+1]),[u,p]=[Math.max(h.width,6),Math.max(h.height,6)],m={x:h.x-(u-h.width)/2,y:h.y-(p-h.height)/2,width:u,height:p};r.outline(m,e.background,3),r.outline(m,e.accent,1.5)}});for(let{row:l,column:c}of o)l!==null&&a([l,l+1],"rows",br,e.accent),c!==null&&a([c,c+1],"columns",br,e.accent)}var Fc=2e4,Bc=28,Uc=15,zc=44,Gc=.61,yr=9,Vc=.005;function rn(r,t,e){let{layout:n,palette:o}=t;r.rect({x:0,y:0,...n.size},o.background),t.cells&&_c(r,t,t.cells,e),r.outline(n.plot,o.frame,1),ei(r,n,o,t),Yc(r,t),Jc(r,t),t.layers?Qc(r,t,t.layers.heads):Zc(r,t)}function _c(r,t,e,n){let{layout:o,scale:s,palette:i}=t,{rows:a,columns:l,values:c}=e,h=t.layers&&Ks(t.layers.strengths,i),{plot:u,frame:p}=o;r.clipped(u,()=>{n&&c.length<=Fc?wr(o,e,(f,g,y)=>{let w=s.name==="row"?Ht(c,y,l.count):1,x=h&&`rgb(${h.subarray(4*g,4*g+3).join(" ")})`,A=c[g]===0&&s.hides?`rgb(${tr(i).join(",")})`:null;r.rect(f,x??A??X(st(c[g],s,w),i))}):Kc(r,o,e,h??rs(c,l.count,s,i));let m=p.x*l.step,d=p.y*a.step;if(m>=yr&&d>=yr){for(let f=a.first;f<=a.last;f+=a.step){let g=V(o,[f,f],[0,0]).y;r.line([[u.x,g],[u.x+u.width,g]],i.frame,.5)}for(let f=l.first;f<=l.last;f+=l.step){let g=V(o,[0,0],[f,f]).x;r.line([[g,u.y],[g,u.y+u.height]],i.frame,.5)}}s.hides&&Math.min(m,d)>=yr&&wr(o,e,(f,g)=>{c[g]===0&&Dc(r,f,i)}),!(!vr(o,e)||h)&&wr(o,e,(f,g,y)=>{if(!jc(f,u))return;let w=s.name==="row"?Ht(c,y,l.count):1;if(Math.abs(c[g])<Vc*(s.name==="row"?w:s.top))return;let x=ft(st(c[g],s,w),i),A=[f.x+f.width/2,f.y+f.height/2],v=Wc(c[g],m),k=Math.min(13,d*.62,(m-3)/(v.length*Gc));r.text(...A,v,{size:k,colour:x,anchor:"middle",mono:!0})})})}function Dc(r,{x:t,y:e,width:n,height:o},s){r.line([[t,e+o],[t+n,e]],s.frame,.5)}function jc(r,t){let e=ht(r,t);return e!==null&&e.width>r.width-.5&&e.height>r.height-.5}function vr({frame:r},{rows:t,columns:e,read:n}){return n&&r.x*e.step>=Bc&&r.y*t.step>=Uc}function Wc(r,t){return t>=zc||r===0?L(r):Math.abs(r)>=.005?r.toFixed(2):r.toExponential(0)}function Kc(r,t,e,n){let{rows:o,columns:s}=e,i=V(t,[o.first,o.first+o.count*o.step],[s.first,s.first+s.count*s.step]);r.pixels(i,n,s.count,o.count)}function wr(r,t,e){for(let n=0;n<t.rows.count;n++){let o=nt(t.rows,n);for(let s=0;s<t.columns.count;s++){let i=V(r,o,nt(t.columns,s));ht(i,r.plot)&&e(i,n*t.columns.count+s,n)}}}function Yc(r,t){let{layout:e,palette:n}=t,{plot:o,rowMarks:s,columnMarks:i,size:a}=e,l={size:D,colour:n.dimmed},c=i.named?10:o.y-28;r.text(o.x,c,`${t.columnTitle} \u2192`,l),r.clipped({x:0,y:o.y,width:18,height:a.height-o.y},()=>r.text(9,o.y,`\u2190 ${t.rowTitle}`,{...l,angle:-90,anchor:"end"}));for(let h of s.marks)(!s.named||s.every>1)&&ni(r,t,o.x-4,o.y+h.at,4,0),de(r,e,h,ri(t,h),!1);for(let h of i.marks)(!i.named||i.every>1)&&ni(r,t,o.x+h.at,o.y-4,0,4),Dt(r,e,h,ri(t,h),!1)}function ni(r,{palette:t},e,n,o,s){r.line([[e,n],[e+o,n+s]],t.frame,1)}function ri({dimSpecial:r,palette:t},e){return e.special&&r?t.dimmed:t.text}function de(r,t,e,n,o){let s={size:Xc(t),colour:n,anchor:"end",bold:o};r.text(t.plot.x-6,t.plot.y+e.at,e.text,s)}function Xc({rowMarks:r,letters:t}){return r.named?t:D}function Dt(r,t,e,n,o){let{plot:s,columns:i,columnMarks:a,letters:l}=t,c=s.x+e.at;i==="level"||!a.named?r.text(c,s.y-11,e.text,{size:D,colour:n,bold:o,anchor:"middle"}):r.text(c,s.y-8,e.text,{size:l,colour:n,bold:o,angle:dr[i]})}function Jc(r,t){let{layout:e,palette:n,margins:o,marginGrids:s}=t,{received:i,entropy:a,plot:l}=e,c={received:o?.received??new Float32Array,entropy:o?.entropy??new Float32Array};if(i&&(xr(r,t,i,"received",oi(c.received)),s&&me(r,e,i,c.received,s.columns,"down",n.dimmed)),a){s&&me(r,e,a,c.entropy,s.rows,"across",n.dimmed);let h=oi(c.entropy);kr(r,t,a,"entropy",h===null?null:`${L(h)} nats`)}for(let h of[i,a]){if(!h)continue;let u=h.y>=l.y+l.height?[h.x,h.y+h.height]:[h.x,h.y],p=[u[0]+(u[1]>h.y?h.width:0),h.y+h.height];r.line([u,p],n.frame,1)}}function oi(r){return r.length===0?null:r.reduce((t,e)=>Math.max(t,Math.abs(e)),0)}function xr(r,t,e,n,o){let s={size:11,colour:t.palette.dimmed,anchor:"end"};r.text(e.x-6,e.y+e.height-6,n,s),o!==null&&r.text(e.x-6,e.y+e.height-19,`\u2264 ${Ar(o)}`,{...s,mono:!0})}function kr(r,t,e,n,o){let{layout:s,palette:i}=t;if(!s.received)return;let a={size:10,colour:i.dimmed},l={...a,mono:!0},c=e.y-8;if(s.columns==="level"){r.text(e.x,c,n,a),o!==null&&r.text(e.x,c-12,`\u2264 ${o}`,l);return}let h=dr[s.columns];r.text(e.x+4,c,n,{...a,angle:h}),o!==null&&r.text(e.x+18,c,`\u2264 ${o}`,{...l,angle:h})}function Ar(r){return r>=100?Math.round(r).toLocaleString("en-US"):L(r)}function me(r,t,e,n,o,s,i){let a=0,l=0;for(let u=0;u<o.count;u++)a=Math.max(a,n[u]),l=Math.min(l,n[u]);let c=Math.max(a,-l);if(c===0)return;let h=l<0?.5:0;r.clipped(e,()=>{for(let u=0;u<o.count;u++){let p=n[u]/c*(1-h);if(p===0)continue;let[m,d]=[h+Math.min(p,0),Math.abs(p)],f=nt(o,u);if(s==="down"){let{x:g,width:y}=V(t,[0,0],f),w=d*e.height;r.rect({x:g,y:e.y+e.height*(1-m)-w,width:si(y),height:w},i)}else{let{y:g,height:y}=V(t,f,[0,0]),w=d*e.width;r.rect({x:e.x+m*e.width,y:g,width:w,height:si(y)},i)}}})}function si(r){return r>=6?r-1:r+.7}function Qc(r,{layout:{bar:t},palette:e},n){n.forEach((o,s)=>{let i=t.y+20*s;r.rect({x:t.x,y:i,width:12,height:12},Ws(s)),r.text(t.x+17,i+6,`head ${o}`,{size:11,colour:e.text})})}function Zc(r,{layout:{bar:t},scale:e,palette:n}){for(let s=0;s<64;s++){let i=(s+.5)/64,a=e.signed?2*i-1:i,l=t.y+t.height*(1-(s+1)/64);r.rect({x:t.x,y:l,width:t.width,height:t.height/64+.5},X(a,n))}r.outline(t,n.frame,1);for(let{place:s,text:i}of Fe(e)){let a=t.y+t.height*(1-s),l=t.x+t.width;r.line([[l,a],[l+3,a]],n.frame,1),r.text(l+6,a,i,{size:11,colour:n.text,mono:!0})}}function ii(r,{layout:t,palette:e},{query:n,key:o},{rows:s,columns:i},a){let{plot:l,frame:c,extent:h,rowMarks:u,columnMarks:p}=t,m=n===null?-1:s.unitOf(n),d=o===null||m>=0?-1:i.unitOf(o);if(m<0&&d<0)return;let f=m>=0?V(t,[m,m+1],[0,h.columns]):V(t,[0,h.rows],[d,d+1]),g=ht(f,l);if(!g)return;if(r.outline(g,e.accent,2),m>=0){let w=u.named?u.marks.find(({unit:x})=>x===m):void 0;w?de(r,t,w,e.accent,!1):th(r,t,e,l.y+(m+.5-c.view.top)*c.y,$t(S(s.label(m)),t.rowRoom,a));return}let y=p.named?p.marks.find(({unit:w})=>w===d):void 0;y&&Dt(r,t,y,e.accent,!1)}function th(r,{plot:t,rowRoom:e},n,o,s){r.rect({x:t.x-8-e,y:o-8,width:e+3,height:16},n.background),r.text(t.x-6,o,s,{size:D,colour:n.accent,anchor:"end"})}function hi(r,t,e){let n={title:t.rows.axis.title,text:S(t.rows.label(e))},o=t.info.rowAxes.map(s=>r.axes[s]).filter(s=>s.title!==t.rows.axis.title).map(s=>{let i=s.tokens.slice(t.rows.start(e),Math.min(t.rows.stop(e),t.rows.start(e)+8));return{title:s.title,text:S(i.map(a=>S(a)).join(" "))}});return[n,...o]}function ui(r,t,e){let[n,o]=ai(r.top,r.bottom,t.rows,e.rows),[s,i]=ai(r.left,r.right,t.columns,e.columns);return n<=0&&s<=0&&o>=e.rows.count&&i>=e.columns.count?null:{top:n,bottom:o,left:s,right:i}}function ai(r,t,e,n){if(e.axis.tokens.length!==n.axis.tokens.length||e.count===0||n.count===0)return[0,n.count];if(r<=0&&t>=e.count)return[0,n.count];let o=ci(li(r,e),n),s=ci(li(t,e),n);return s>o?[o,s]:[Math.max(0,o-1),Math.min(n.count,o+1)]}function li(r,t){let e=Math.min(Math.max(Math.floor(r),0),t.count-1);return t.start(e)+Math.min(r-e,1)*(t.stop(e)-t.start(e))}function ci(r,t){let e=0,n=t.count;for(;e<n;){let o=e+n>>1;t.stop(o)<=r?e=o+1:n=o}return e===t.count?t.count:e+Math.max(0,r-t.start(e))/(t.stop(e)-t.start(e))}var pi=1.25,eh=.05,on=class{constructor(t,e){this.app=e;this.handles={top:this.handle("top"),bottom:this.handle("bottom")},t.append(this.handles.top,this.handles.bottom)}app;handles;bar={x:0,y:0,width:0,height:1};scale=null;place(t,e){this.bar=t,this.scale=e;let n=this.ends();for(let o of["top","bottom"]){let s=this.handles[o];s.hidden=e.signed||e.name==="row",s.style.left=`${t.x-4}px`,s.style.top=`${o==="top"?t.y-6:t.y+t.height-6}px`,s.style.width=`${t.width+8}px`,s.setAttribute("aria-valuenow",String(n[o])),s.setAttribute("aria-valuetext",L(n[o]))}}stop(){for(let t of Object.values(this.handles))t.remove()}ends(){return{top:this.scale?.top??1,bottom:this.scale?.bottom??0}}handle(t){let e=b("div",`bar-end ${t}`);return e.tabIndex=0,e.setAttribute("role","slider"),e.setAttribute("aria-orientation","vertical"),e.setAttribute("aria-label",t==="top"?"weight of the strongest colour":"weight of the palest colour"),e.setAttribute("aria-valuemin","0"),e.setAttribute("aria-valuemax","1"),e.title="drag, or arrow keys; a double click fits the colours again",e.addEventListener("keydown",n=>this.key(t,n)),e.addEventListener("dblclick",()=>this.app.store.set({limits:null})),e.addEventListener("pointerdown",n=>this.drag(t,e,n)),e}key(t,e){let n=this.ends()[t],[o,s]=n===0?[eh*this.ends().top,0]:[n*pi,n/pi];if(e.key==="ArrowUp"||e.key==="ArrowRight")this.move(t,o);else if(e.key==="ArrowDown"||e.key==="ArrowLeft")this.move(t,t==="bottom"&&s<1e-6?0:s);else if(e.key==="Escape"||e.key==="Delete")this.app.store.set({limits:null});else return;e.preventDefault(),e.stopPropagation(),this.app.say(this.app.store.state.limits===null?"colours fitted again":`colours from ${this.said("bottom")} to ${this.said("top")}`)}said(t){let[e,n]=this.app.store.state.limits??[0,1];return L(t==="top"?n:e)}drag(t,e,n){if(n.button!==0||!this.scale)return;e.setPointerCapture(n.pointerId),n.preventDefault(),e.focus({preventScroll:!0});let{bar:o,scale:s}=this,i=l=>{let c=e.offsetParent?.getBoundingClientRect(),h=l.clientY-(c?.top??0)+(e.offsetParent?.scrollTop??0);this.move(t,nh(1-(h-o.y)/o.height,s))},a=()=>{e.removeEventListener("pointermove",i),e.removeEventListener("lostpointercapture",a)};e.addEventListener("pointermove",i),e.addEventListener("lostpointercapture",a)}move(t,e){let{top:n,bottom:o}=this.ends(),s=a=>Number(Math.min(1,Math.max(0,a)).toPrecision(3)),i=t==="top"?[o,s(Math.max(e,o+1e-6))]:[s(Math.min(e,n-1e-6)),n];i[0]<i[1]&&this.app.store.set({limits:i})}};function nh(r,{name:t,top:e,bottom:n=0}){if(t!=="log")return n+r*(e-n);let o=Math.max(n,1e-6);return o*(e/o)**r}function Wt(r,t){if(r.query===null||r.key===null)return null;let e=t.rows.unitOf(r.query),n=t.columns.unitOf(r.key);return e<0||n<0?null:{row:e,column:n}}function sn({row:r,column:t},e){return{query:e.rows.start(r),key:e.columns.start(t)}}function mi(r,t,e,n){let{view:o}=e.frame,s=n?.rows.step??1,i=n?.columns.step??1,a=r.shiftKey?10:1,l=Math.max(1,Math.floor(o.bottom-o.top)),{rows:c,columns:h}=e.extent,p={ArrowUp:[-s*a,0],ArrowDown:[s*a,0],ArrowLeft:[0,-i*a],ArrowRight:[0,i*a],PageUp:[-l,0],PageDown:[l,0],Home:[r.ctrlKey?-c:0,-h],End:[r.ctrlKey?c:0,h]}[r.key];if(!p||c===0||h===0)return null;if(!t&&r.key.startsWith("Arrow"))return{row:Math.ceil(o.top),column:Math.ceil(o.left)};let m=t??{row:Math.ceil(o.top),column:Math.ceil(o.left)};return{row:F(m.row+p[0],0,c-1),column:F(m.column+p[1],0,h-1)}}var di=15;function an(r,t,e,n,o){let{layout:s,palette:i,cells:a}=t,{plot:l}=s,c=rh(s,e,a);if(sh(r,t,e,n),!c)return;let h=a!==null&&vr(s,a),u=h?[c.y,c.y+c.height]:[c.y+c.height/2],p=h?[c.x,c.x+c.width]:[c.x+c.width/2];r.clipped(l,()=>{let m=c.x+c.width,d=c.y+c.height;for(let f of u)r.line([[l.x,f],[c.x,f]],i.accent,1),r.line([[m,f],[l.x+l.width,f]],i.accent,1);for(let f of p)r.line([[f,l.y],[f,c.y]],i.accent,1),r.line([[f,d],[f,l.y+l.height]],i.accent,1)}),r.outline(c,i.accent,e.pinned?3:2),oh(r,s,i,e,o),e.lines.length>0&&lh(r,s,i,e,c,o)}function gi(r,t,e,n){let o={x:Math.min(t.x,e.x),y:Math.min(t.y,e.y)},s={width:Math.abs(e.x-t.x),height:Math.abs(e.y-t.y)};r.outline({...o,...s},n.accent,1.5)}function rh(r,{row:t,column:e},n){let o=(c,h)=>{if(!c||Lt(c,h)<0)return[h,h+1];let u=c.first+Lt(c,h)*c.step;return[u,Math.min(u+c.step,c.last)]},s=V(r,o(n?.rows,t),o(n?.columns,e));if(!ht(s,r.plot))return null;let i=8,a=Math.max(s.width,i),l=Math.max(s.height,i);return{x:s.x-(a-s.width)/2,y:s.y-(l-s.height)/2,width:a,height:l}}function oh(r,t,e,{row:n,column:o,rowText:s,columnText:i},a){let{plot:l,frame:c,rowMarks:h,columnMarks:u,rowRoom:p,columnRoom:m,size:d}=t,f=(A,v)=>A.find(k=>k.unit===v),g=h.named&&h.every===1?f(h.marks,n):void 0,y=u.named&&u.every===1?f(u.marks,o):void 0,w=l.y+(n+.5-c.view.top)*c.y,x=l.x+(o+.5-c.view.left)*c.x;if(g)de(r,t,g,e.accent,!1);else{let A=$t(s,p,a);for(let v of[w,...fi(h.marks,w-l.y,di).map(k=>l.y+k.at)])r.rect({x:l.x-8-p,y:v-8,width:p+3,height:16},e.background);r.text(l.x-6,w,A,{size:D,colour:e.accent,anchor:"end"})}if(y)Dt(r,t,y,e.accent,!1);else{let A=$t(i,m,a);if(u.named&&t.columns!=="level"){let v=[{at:x-l.x,text:A},...fi(u.marks,x-l.x,di/Math.SQRT1_2)];for(let E of v){let T=(a(E.text)+8)*Math.SQRT1_2,R=l.x+E.at;r.line([[R,l.y-8],[R+T,l.y-8-T]],e.background,16)}let k={unit:o,at:x-l.x,text:A,special:!1};Dt(r,t,k,e.accent,!1)}else{let v=a(A)+8,k=Math.min(Math.max(x-v/2,0),d.width-v),E=k+v/2;r.rect({x:k,y:l.y-20,width:v,height:16},e.background);for(let T of u.marks){let R=a(T.text)/2+2,N=l.x+T.at;Math.abs(N-E)<R+v/2&&r.rect({x:N-R,y:l.y-20,width:2*R,height:16},e.background)}r.text(E,l.y-11,A,{size:D,colour:e.accent,anchor:"middle"})}}}function fi(r,t,e){return r.filter(n=>Math.abs(n.at-t)<e)}function sh(r,t,{row:e,column:n},o){let{layout:s,cells:i,palette:a}=t,{rowProfile:l,columnProfile:c}=s,h=o&&o.row===e&&o.column===n?o:null,u=h?{values:h.ofRow.values,grid:h.ofRow.columns}:ih(i,e),p=h?{values:h.ofColumn.values,grid:h.ofColumn.rows}:ah(i,n),m=d=>d.reduce((f,g)=>Math.max(f,Math.abs(g)),0);if(l&&u&&(xr(r,t,l,"this row",m(u.values)),me(r,s,l,u.values,u.grid,"down",a.accent)),c&&p){let d=h&&h.ofColumn.rows.step>1?"sampled column":"this column";kr(r,t,c,d,Ar(m(p.values))),me(r,s,c,p.values,p.grid,"across",a.accent)}}function ih(r,t){let e=r?Lt(r.rows,t):-1;if(!r||e<0)return null;let{count:n}=r.columns;return{values:r.values.subarray(e*n,(e+1)*n),grid:r.columns}}function ah(r,t){let e=r?Lt(r.columns,t):-1;return!r||e<0?null:{values:Float32Array.from({length:r.rows.count},(o,s)=>r.values[s*r.columns.count+e]),grid:r.rows}}function lh(r,{size:t},e,{lines:n},o,s){let i=Math.min(420,t.width-24),a=n.map(g=>$t(g,i,s)),l=Math.max(...a.map(s))+16,c=a.length*17+10,h=12,u=o.x+o.width+h,p=u+l<=t.width?u:Math.max(0,o.x-h-l),m=o.y+o.height+h,d=m+c<=t.height?m:o.y-h-c,f={x:p,y:Math.max(0,d),width:l,height:c};r.rect(f,e.background),r.outline(f,e.frame,1),a.forEach((g,y)=>{r.text(f.x+8,f.y+13+y*17,g,{size:12,colour:e.text})})}var Sr=16,[ch,hh,uh,ph]=[26,260,560,1e3],mh=1.2,dh=58;function bi(r,t,e,n){let o=Math.max(t.rows.count,t.columns.count),s=F(o*ch+hh,uh,ph),i=le({width:s,height:s},t,e,n);return Math.min(r.frame.x,r.frame.y)>=Math.min(i.frame.x,i.frame.y)?r:i}function fh({plot:r,received:t,rowProfile:e,bar:n,entropy:o,columnProfile:s}){let i=Math.max(...[r,t,e,n].map(l=>l?l.y+l.height:0)),a=Math.max(...[r,o,s].map(l=>l?l.x+l.width:0));return{width:Math.ceil(Math.max(a,n.x+n.width+dh)),height:Math.ceil(i+8)}}function yi(r,{title:t,status:e},n,o,s){let{width:i,height:a}=fh(r.layout),{palette:l}=r,c=Nt(t,i-16,m=>mh*o(m)),h=[...ts(e,i-16,o),...n?.crosshair.lines??[]],u=(h.length+c.length)*Sr+8,p=new qt(i,a+u,s);return p.rect({x:0,y:0,width:i,height:u},l.background),c.forEach((m,d)=>{p.text(8,12+d*Sr,m,{size:13,colour:l.text,bold:!0})}),h.forEach((m,d)=>{p.text(8,12+(d+c.length)*Sr,m,{size:D,colour:l.dimmed})}),p.shifted(0,u,()=>{let m={...r,layout:{...r.layout,size:{width:i,height:a}}};rn(p,m,!0),n&&an(p,m,{...n.crosshair,lines:[]},n.probed,o)}),p.document(`${t}: ${e}`)}var gh=1800,ln=class{element=b("p","map-hint");timer;constructor(){this.element.hidden=!0,this.element.setAttribute("role","note")}show(t){clearTimeout(this.timer),this.element.textContent=t,this.element.hidden=!1,this.timer=setTimeout(()=>{this.element.hidden=!0},gh)}stop(){clearTimeout(this.timer)}};function wi(r,t){let e=b("div","map-view"),n=b("div","map-zoom");n.append(Mr("\u2212","zoom out",t.out),Mr("+","zoom in",t.in),Mr("\u2922","whole map",t.whole));let o=b("div","map-stage"),s=b("canvas","map-canvas");s.tabIndex=0,s.setAttribute("role","img"),s.setAttribute("aria-label","attention map");let i=b("canvas","map-overlay");i.setAttribute("aria-hidden","true"),o.append(s,i);let a=new ln;return e.append(o,n,a.element),r.append(e),{element:e,stage:o,hint:a,base:s,overlay:i}}function Mr(r,t,e){let n=M(r,t,e);return n.setAttribute("aria-label",t),n}function vi(r,t){let e=new Map,n=null,o=!1,s=!1,i=f=>{let g=r.getBoundingClientRect();return{x:f.clientX-g.left,y:f.clientY-g.top}},a=f=>({x:f.clientX,y:f.clientY}),l=f=>{f.button===0&&(r.setPointerCapture(f.pointerId),e.set(f.pointerId,a(f)),e.size===1?(n=i(f),o=f.shiftKey,s=!1):(o=!1,s=!0))},c=f=>{let g=i(f),y=e.get(f.pointerId);if(!y){e.size===0&&t.hover(g);return}if(n&&!s&&Math.hypot(g.x-n.x,g.y-n.y)<4)return;s=!0;let w=a(f),x=[...e].find(([A])=>A!==f.pointerId)?.[1];if(e.set(f.pointerId,w),x){let A=k=>Math.max(1,Math.hypot(k.x-x.x,k.y-x.y));t.pan((w.x-y.x)/2,(w.y-y.y)/2);let v={x:g.x+(x.x-w.x)/2,y:g.y+(x.y-w.y)/2};t.zoom(A(w)/A(y),v)}else o&&n?t.box(n,g,!1):t.pan(w.x-y.x,w.y-y.y)},h=f=>{if(!e.delete(f.pointerId)||e.size>0)return;let g=i(f);f.type==="pointerup"&&n?s?o&&t.box(n,g,!0):t.click(g):o&&n&&t.box(n,n,!0),n=null,o=!1,f.pointerType!=="mouse"&&t.leave()},d=[["pointerdown",l],["pointermove",c],["pointerup",h],["pointercancel",h],["pointerleave",()=>{e.size===0&&t.leave()}],["wheel",f=>{if(!f.ctrlKey&&!t.wheels())return;let g=f.deltaMode===1?20:f.deltaMode===2?400:1,[y,w]=[f.deltaX*g,f.deltaY*g];if(!f.ctrlKey&&Math.abs(y)>Math.abs(w)){t.pan(-y,0),f.preventDefault();return}let x=Math.exp(-Math.max(-240,Math.min(240,w))*.0022*(f.ctrlKey?4:1));(t.zoom(x,i(f))||f.ctrlKey)&&f.preventDefault(),e.size===0&&t.hover(i(f))},{passive:!1}],["dblclick",f=>{t.zoom(f.altKey||f.shiftKey?.5:2,i(f)),f.preventDefault()}]];for(let[f,g,y]of d)r.addEventListener(f,g,y);return()=>{for(let[f,g]of d)r.removeEventListener(f,g)}}async function ut(r,t,e,n,o,s,i=!1){let{rows:a,columns:l}=n,c=ue(t,e,a,l),h=Er(t,e,n),u=h.hideSpecial&&t.renormalise,p={...h,how:c,renormalise:u,sample:o,...i?{quick:i}:{}},{values:m,sampled:d,every:f}=await r.region(p,s);return{rows:a,columns:l,values:c==="mass"?Qs(m,l):m,sampled:d,every:f,read:!0}}function Er(r,t,{rows:e,columns:n}){return{map:r.map,heads:r.heads,rows:gr(t.rows,e),columns:gr(t.columns,n),hideSpecial:r.special==="hidden",rowAxis:B(t.info,r)}}function Tr({several:r,heads:t}){return r==="colours"&&t.length>1&&t.length<=nn.length}function xi(r,t,e){let n=r.map(s=>It(t==="row"?"linear":t,s,!1,e)),o={...n[0],top:Math.max(...n.map(({top:s})=>s))};return r.map(s=>s.map(i=>Math.max(0,st(i,o))))}var cn=class{constructor(t,e){this.app=t;this.changed=e}app;changed;found=null;asked="";abort=new AbortController;look(t,e,n){if(!Tr(t)||!n?.read)return null;let{map:o,heads:s,unit:i,special:a,renormalise:l,rowAxis:c,how:h,pair:u}=t,p=JSON.stringify([o,s,i,a,l,c,h,u]),m=JSON.stringify([p,n.rows,n.columns,n.sampled,n.every]);return m!==this.asked&&(this.asked=m,this.abort.abort(),this.abort=new AbortController,this.read(t,e,n,p,this.abort.signal)),this.found?.subject===p&&_t(this.found.cells,n)?this.found.layers:null}stop(){this.abort.abort()}async read(t,e,n,o,s){try{let i=l=>ut(this.app.source,{...t,heads:[l]},e,n,n.sampled,s,n.every>1),a=(await Promise.all(t.heads.map(i))).map(({values:l})=>l);if(s.aborted)return;this.found={subject:o,cells:n,layers:a},this.changed()}catch(i){s.aborted||this.app.fail(i)}}};var bh=40,yh=180,wh=1<<20,vh=4,hn=class{constructor(t,e){this.app=t;this.changed=e}app;changed;cells=null;margins=null;reading=!1;subject="";plan=null;earlier=[];far=null;overview=null;overviewOf=-1;overviewAbort=new AbortController;looked=null;abort=new AbortController;timer;look(t,e,n){let o=JSON.stringify([t.map,t.heads,t.unit,t.special==="hidden",t.how,t.rowAxis,t.pair,t.special==="hidden"&&t.renormalise]),s=Vt(n,e,he),i=o!==this.subject;if(!i&&this.plan&&_t(this.plan,s))return;i&&(this.earlier=[],this.margins=null),this.withdraw();let a=this.subject==="";if(this.subject=o,this.plan=s,s.rows.count===0||s.columns.count===0){this.cells=null;return}this.abort=new AbortController,this.looked={state:t,shown:e,frame:n},this.lookFromAfar(t,s),this.reading=!0;let{signal:l}=this.abort,c=()=>{this.read(t,e,s,l)};a||i?c():this.timer=setTimeout(c,bh)}stop(){this.withdraw(),this.overviewAbort.abort()}withdraw(){clearTimeout(this.timer),this.abort.abort(),this.reading=!1}async read(t,e,n,o){let s=pe(e.rows,n.rows),i=s*pe(e.columns,n.columns)>wh&&s>n.rows.count,a=async(l,c)=>{let h=await ut(this.app.source,t,e,n,l,o,c);return o.aborted||this.keep(h),h};try{let l=performance.now(),c=await a(i?1:0,!0);if(o.aborted||(this.readMargins(Er(t,e,n),n,o),(i||c.every>1||c.sampled>0)&&(await $r(yh-(performance.now()-l),o),o.aborted||(await a(0,!1),o.aborted))))return;this.reading=!1,this.changed()}catch(l){if(o.aborted)return;this.reading=!1,this.app.fail(l),this.changed()}}async readMargins(t,e,n){try{let o=await this.app.source.margins(t,n);if(n.aborted)return;this.margins={grids:e,margins:o},this.changed()}catch(o){n.aborted||this.app.fail(o)}}keep(t){this.cells=t,this.earlier=[t,...this.earlier.filter(e=>!_t(e,t))].slice(0,vh),this.changed()}lookFromAfar(t,e){let n=this.earlier.find(o=>_t(o,e));if(n){this.cells=n;return}this.cells=this.fromAfar(),this.overviewOf!==t.map&&this.readOverview(t.map)}fromAfar(){if(!this.looked)return null;let{state:t,shown:e,frame:n}=this.looked;return ti(n,e,this.earlier,this.farOf(t),t.unit!=="tokens")}farOf({map:t,heads:e,how:n}){if(this.overview?.map!==t)return null;let{answer:o}=this.overview,s=n==="auto"?this.app.manifest.maps[t].probabilities?"max":"mean":n,i=JSON.stringify([t,e,s]);if(this.far?.subject!==i){let a=Zs(o,e,s);this.far={subject:i,rows:o.rows,columns:o.columns,values:a}}return this.far}async readOverview(t){this.overviewOf=t,this.overviewAbort.abort(),this.overviewAbort=new AbortController;let{signal:e}=this.overviewAbort;try{let n=await this.app.source.overview(t,e);if(e.aborted||(this.overview={map:t,answer:n},this.cells))return;this.cells=this.fromAfar(),this.changed()}catch(n){e.aborted||this.app.fail(n)}}};function $r(r,t){return new Promise(e=>{let n=setTimeout(e,Math.max(r,0));t.addEventListener("abort",()=>{clearTimeout(n),e()})})}var xh=150,un=class{constructor(t,e){this.app=t;this.changed=e}app;changed;found=null;abort=new AbortController;question="";look(t,e,n,o){let s=n&&o&&(o.rows.step>1||o.columns.step>1),{heads:i,map:a,unit:l,special:c,renormalise:h,rowAxis:u,how:p}=t,m=s?JSON.stringify([n,o.rows,o.columns,i,a,l,c,h,u,p]):"";m!==this.question&&(this.question=m,this.abort.abort(),this.found=null,s&&(this.abort=new AbortController,this.read(t,e,n,o,this.abort.signal)))}stop(){this.abort.abort(),this.question="",this.found=null}async read(t,e,{row:n,column:o},{rows:s,columns:i},a){if(await $r(xh,a),a.aborted)return;let l={first:n,last:n+1,step:1,count:1},c={first:o,last:o+1,step:1,count:1},h=(u,p)=>ut(this.app.source,t,e,u,p,a);try{let[u,p,m]=await Promise.all([h({rows:l,columns:c},0),h({rows:l,columns:i},0),h({rows:s,columns:c},1)]);if(a.aborted)return;this.found={row:n,column:o,weight:u.values[0],ofRow:p,ofColumn:m},this.changed()}catch(u){a.aborted||this.app.fail(u)}}};var ki=400,kh=200;function Mi(r,t,e,n,o=!1){let s=ot(o),{rows:i,columns:a,values:l}=e,c=l.length<=ki?Array.from(l.keys()):_e(l,kh),h=$(l.length),u=c.length>0?`the ${c.length} strongest of ${h} cells`:`all ${h} cells are 0`,p=l.length<=ki?"all cells on screen":u;return{caption:`${O(t.info,r.heads)}: ${p}; ${n}`,columns:["query",t.rows.axis.title,"key",t.columns.axis.title,"weight"],rows:c.map(m=>{let d=nt(i,Math.floor(m/a.count)),f=nt(a,m%a.count);return[Ai(t.rows,d),Si(t.rows,d),Ai(t.columns,f),Si(t.columns,f),s(l[m])]})}}function Ai(r,[t,e]){let n=r.start(t),o=r.stop(e-1);return o-n===1?String(n):`${n}\u2013${o-1}`}function Si(r,[t,e]){let n=S(r.label(t));return e-t===1?n:`${n} \u2026 ${S(r.label(e-1))}`}function Ei(r,t,e,n,o){if(t.rows.count===0||t.columns.count===0)return"every token is special, and special tokens are hidden";if(!e)return"reading \u2026";let i=[e.read?Ah(r,t,e.rows,e.columns):"what is known from afar, until it has been read"],a=pe(t.rows,e.rows)/Math.max(e.rows.count,1);if(e.read&&e.sampled>0&&a>e.sampled&&i.push(`read from 1 query in ${$(Math.max(2,Math.round(a/e.sampled)))}`),e.read&&e.every>1&&i.push(`1 row of cells in ${$(e.every)} read, which stands for the others`),n&&e.read&&i.push("reading the rest \u2026"),o>0){let l=o===1?"1 query":`${$(o)} queries`;i.push(`margins estimated from at most ${l} in each cell`)}if(r.heads.length>1&&i.push(Tr(r)?`${r.heads.length} heads, a colour each`:`mean of ${r.heads.length} heads`),t.info.error>0&&i.push(`error at most ${te(t.info.error)}`),r.pair!=="all"){let[l,c]=r.pair.toUpperCase().split("-");i.push(`rows of sentence ${l}, columns of sentence ${c}`)}return r.special==="hidden"&&(i.push("special tokens hidden"),r.renormalise&&i.push("rows renormalised over the other tokens")),r.limits?i.push(`colours from ${r.limits[0]} to ${r.limits[1]}, as chosen`):r.scale==="log"&&i.push(`colours by logarithm, down to ${te(1e-6)}`),r.scale==="row"&&i.push("each row coloured by its own largest"),i.join(" \xB7 ")}function Ah(r,t,e,n){let o=e.step===1&&n.step===1,s=ue(r,t,e,n),i=`${$(e.step)} \xD7 ${$(n.step)}`;if(s==="mass"){let l=r.unit.slice(0,-1);return o?`each cell is the weight of a ${l} on a ${l}: keys summed, queries averaged`:`each cell is the mean of ${i} ${r.unit}`}if(o)return"each cell is one weight";let a=r.unit==="tokens"?"weights":`in ${r.unit}`;return s==="max"?`each cell is the largest of ${i} ${a}`:`each cell is the mean of ${i} ${a}`}function Ti(r,t,e,n,o,s){let i=e.columns.axis.title,a=(d,f)=>e.rows.axis.title===i?`${d} (${f})`:d,l=hi(r,e,n.row).map(({title:d,text:f})=>`${a(d,"query")}: ${j(f)}`),c=(d,f)=>f-d>1?`${$(d)}\u2013${$(f-1)}`:$(d);l[0]+=`  (${c(e.rows.start(n.row),e.rows.stop(n.row))})`;let h=j(S(e.columns.label(n.column))),u=c(e.columns.start(n.column),e.columns.stop(n.column)),p=[...l,`${a(i,"key")}: ${h}  (${u})`],m=o&&o.rows[1]-o.rows[0]===1&&o.columns[1]-o.columns[0]===1;return o?.cells.read?m?p.push(`weight ${L(o.value)}`):(s&&s.row===n.row&&s.column===n.column&&p.push(`weight ${L(s.weight)}`),p.push(`${Sh(t,e,o)} ${L(o.value)}`)):p.push("reading \u2026"),p}function Sh(r,t,e){let n=`${$(e.rows[1]-e.rows[0])} \xD7 ${$(e.columns[1]-e.columns[0])}`;return ue(r,t,e.cells.rows,e.cells.columns)==="max"?`largest of ${n}`:`mean of ${n}`}function Lr(r,t,e){if(!r)return null;let n=t-r.rows.first,o=e-r.columns.first;if(n<0||o<0||t>=r.rows.last||e>=r.columns.last)return null;let s=Math.floor(n/r.rows.step),i=Math.floor(o/r.columns.step);return{value:r.values[s*r.columns.count+i],rows:nt(r.rows,s),columns:nt(r.columns,i),cells:r}}function fe({axis:r,unit:t}){return at(r,t)?`${r.title}, as ${t}`:r.title}function pn(r,t){let e=(n,o,s)=>{if(n.count===0)return"none";let i=n.start(Math.max(Math.floor(o),0)),a=n.stop(Math.min(Math.ceil(s),n.count)-1)-1;return`${$(i)} to ${$(a)} of ${$(n.axis.tokens.length)}`};return`rows, ${fe(r.rows)}, ${e(r.rows,t.top,t.bottom)}; columns, ${fe(r.columns)}, ${e(r.columns,t.left,t.right)}`}function $i(r,t,e,n){return`attention map, ${O(t.info,r.heads)}: ${pn(t,e)}; ${n}`}var Li=new WeakMap,Kt=1.5,Eh={"+":Kt,"=":Kt,"-":1/Kt,"\u2212":1/Kt,0:0},Th=new Float32Array,mn=class{constructor(t,e){this.app=e;this.shown=U(e.manifest,e.store.state),this.pointed=new gt(e.store),this.measure=Zo(document.createElement("canvas").getContext("2d"),D),this.reader=new hn(e,()=>this.request("base")),this.probe=new un(e,()=>{this.unsaid||=!this.pointed.passing,this.request("overlay")}),this.layers=new cn(e,()=>this.request("base")),this.elements=wi(t,{out:()=>this.zoomAtCrosshair(1/Kt),in:()=>this.zoomAtCrosshair(Kt),whole:()=>this.app.store.set({viewport:null})}),this.ends=new on(this.elements.stage,e),this.recount(Li.get(e.store));let n=new ResizeObserver(()=>this.resize());n.observe(this.elements.stage),this.stops.push(()=>n.disconnect(),e.store.subscribe((o,s)=>this.changed(o,s)),vi(this.elements.base,{hover:o=>this.hover(o),leave:()=>this.leave(),click:o=>this.click(o),pan:(o,s)=>this.pan(o,s),zoom:(o,s)=>this.zoom(o,s),wheels:()=>this.wheels(),box:(o,s,i)=>this.drawBox(o,s,i)})),this.resize()}app;elements;stops=[];reader;probe;layers;measure;size={width:0,height:0};shown;scene=null;box=null;frameRequest=0;destroyed=!1;dirty={base:!0,overlay:!0};pointed;ends;unsaid=!1;redraw(){this.request("base")}destroy(){Li.set(this.app.store,{viewport:this.app.store.state.viewport,shown:this.shown}),cancelAnimationFrame(this.frameRequest),this.destroyed=!0;for(let t of this.stops)t();this.reader.stop(),this.probe.stop(),this.layers.stop(),this.app.sharedTop?.leave(this),this.elements.hint.stop(),this.ends.stop(),this.elements.element.remove()}keydown(t){let e=this.scene?.layout;if(!e||t.altKey||t.metaKey||t.ctrlKey&&t.key!=="Home"&&t.key!=="End")return!1;let{state:n}=this.app.store,o=Wt(n,this.shown),s=Eh[t.key];if(s!==void 0)s===0?this.app.store.set({viewport:null}):this.zoomAtCrosshair(s),this.app.say(pn(this.shown,this.layout().frame.view));else if(t.key==="Enter"&&o)this.app.store.set({pinned:!0}),this.app.say("pinned");else if(t.key==="Escape"&&n.pinned)this.app.store.set({pinned:!1}),this.app.say("");else{let i=mi(t,o,e,this.scene?.cells??null);if(!i)return!1;this.moveTo(i,e)}return!0}contentHeight(){return js(this.shown,this.elements.stage.clientWidth,this.measure)}async table(t){let{state:e}=this.app.store,n=await this.exactCells();return Mi(e,this.shown,n,this.statusOf(n,!1),t)}async svg(){let{state:t}=this.app.store,e=bi(this.layout(),this.shown,t.viewport,this.measure),{view:n}=e.frame,o=Hs(this.layout().frame.view,n)?await this.exactCells():await ut(this.app.source,t,this.shown,Vt(e.frame,this.shown,he),0),s=this.sceneOf(o,e),i=`${S(this.app.manifest.title,120)} \u2013 ${O(this.shown.info,t.heads)}`,a=t.pinned?this.crosshair(s):null,l=a&&{crosshair:a,probed:this.probe.found},h=[t.viewport?`part of the map: ${pn(this.shown,n)}`:"",this.statusOf(o,!1)].filter(u=>u!=="");return yi(s,{title:i,status:h.join(" \xB7 ")},l,this.measure,He)}changed(t,e){if(((...o)=>[...e].every(s=>o.includes(s)))("query","key","pinned")){this.request("overlay");return}if(["map","unit","special","rowAxis","pair"].some(o=>e.has(o))){let o={viewport:e.has("viewport")?null:t.viewport,shown:this.shown};this.shown=U(this.app.manifest,t),this.scene=null,this.recount(o)}this.request("base")}recount(t){let{viewport:e}=this.app.store.state;!t?.viewport||!e||JSON.stringify(t.viewport)!==JSON.stringify(e)||this.app.store.set({viewport:ui(e,t.shown,this.shown)})}resize(){this.size={width:this.elements.stage.clientWidth,height:this.elements.stage.clientHeight},this.request("base")}hover(t){if(this.app.store.state.pinned||!this.scene)return;let e=fr(this.scene.layout,t.x,t.y);if(!e){this.leave();return}this.pointed.over(sn(e,this.shown))}leave(){this.pointed.leave()}click(t){this.elements.base.focus({preventScroll:!0});let e=this.scene&&fr(this.scene.layout,t.x,t.y);if(!e)return;let{state:n}=this.app.store,o=Wt(n,this.shown),s=n.pinned&&o?.row===e.row&&o.column===e.column;s||this.pointed.keep(),this.app.store.set({...sn(e,this.shown),pinned:!s})}pan(t,e){if(!this.scene)return;let{frame:n,extent:o,room:s}=this.scene.layout;this.app.store.state.viewport===null&&this.elements.stage.scrollBy(-t,-e),this.lookAt(zs(n,o,s,t,e))}zoom(t,e){if(!this.scene)return!1;let{frame:n,extent:o,room:s,plot:i}=this.scene.layout,a={x:e.x-i.x,y:e.y-i.y},l=this.app.store.state.viewport;return this.lookAt(Us(n,o,s,t,a)),l!==null||this.app.store.state.viewport!==null}zoomAtCrosshair(t){if(!this.scene)return;let{plot:e,frame:n}=this.scene.layout,o=Wt(this.app.store.state,this.shown),i=o&&o.row>=n.view.top-1&&o.row<n.view.bottom&&o.column>=n.view.left-1&&o.column<n.view.right?o:null;this.zoom(t,{x:e.x+(i?(i.column+.5-n.view.left)*n.x:e.width/2),y:e.y+(i?(i.row+.5-n.view.top)*n.y:e.height/2)})}wheels(){return!this.app.embedded||dt(this.elements.base)?!0:(this.elements.hint.show("Ctrl + wheel zooms; after a click the wheel alone does"),!1)}drawBox(t,e,n){if(!this.scene)return;let{plot:o,frame:s,extent:i,room:a}=this.scene.layout;if(this.box=n?null:{from:t,to:e},this.request("overlay"),!n||Math.hypot(t.x-e.x,t.y-e.y)<4)return;let l=u=>s.view.left+(u-o.x)/s.x,c=u=>s.view.top+(u-o.y)/s.y,h={top:c(Math.min(t.y,e.y)),bottom:c(Math.max(t.y,e.y)),left:l(Math.min(t.x,e.x)),right:l(Math.max(t.x,e.x))};this.lookAt(Gs(h,i,a))}moveTo(t,{frame:e,extent:n,room:o}){this.pointed.keep();let s=this.app.store.state.viewport&&Vs(e,n,o,t.row,t.column);this.app.store.set({...sn(t,this.shown),viewport:s}),this.unsaid=!0,this.speak()}speak(){if(!this.unsaid||this.dirty.base||!this.scene?.cells?.read)return;let t=this.crosshair(this.scene);!t||!Lr(this.scene.cells,t.row,t.column)||(this.unsaid=!1,this.app.say(t.lines.join(", ")))}lookAt(t){this.app.store.set({viewport:t}),this.scene&&(this.scene={...this.scene,layout:this.layout()})}request(t){this.dirty.overlay=!0,t==="base"&&(this.dirty.base=!0),this.frameRequest===0&&!this.destroyed&&(this.frameRequest=requestAnimationFrame(()=>this.draw()))}draw(){this.frameRequest=0,!(this.size.width<20||this.size.height<20)&&(this.dirty.base&&this.drawBase(),this.scene&&this.drawOverlay(this.scene),this.dirty={base:!1,overlay:!1},this.speak())}drawBase(){let{state:t}=this.app.store,e=this.layout();this.reader.look(t,this.shown,e.frame),this.scene=this.sceneOf(this.reader.cells,e),this.stretch(e.size),this.ends.place(e.bar,this.scene.scale);let n=ne(this.elements.base,e.size);n&&rn(new At(n),this.scene,!1);let o=this.statusOf(this.reader.cells,this.reader.reading);this.app.describe(o),this.elements.base.setAttribute("aria-label",$i(t,this.shown,e.frame.view,o)),this.elements.element.toggleAttribute("data-reading",this.reader.reading)}drawOverlay(t){let{state:e}=this.app.store;this.probe.look(e,this.shown,Wt(e,this.shown),t.cells);let n=ne(this.elements.overlay,t.layout.size);if(!n)return;let o=new At(n),s=this.crosshair(t);s&&!this.box&&an(o,t,s,this.probe.found,this.measure),!s&&!this.box&&ii(o,t,e,this.shown,this.measure),this.box&&gi(o,this.box.from,this.box.to,this.app.palette)}stretch({width:t,height:e}){for(let{style:n}of[this.elements.base,this.elements.overlay])n.width=`${t}px`,n.height=`${e}px`}layout(){return le(this.size,this.shown,this.app.store.state.viewport,this.measure)}sceneOf(t,e=this.layout()){let{state:n}=this.app.store,{probabilities:o,keys:s,hides:i}=this.shown.info,a=o?1/s:0,l=It(n.scale,t?.values??Th,!o,a,n.limits),c=l.name==="row"||n.limits?l.top:this.app.sharedTop?.meet(this,l.top)??l.top,h={...l,top:c,hides:i},u=this.layers.look(n,this.shown,t);return{...Qe(this.app,this.shown),layout:e,rowTitle:fe(this.shown.rows)+hr(this.shown.rows),columnTitle:fe(this.shown.columns)+hr(this.shown.columns),cells:t,scale:h,layers:u&&{heads:n.heads,strengths:xi(u,n.scale,a)},margins:this.reader.margins?.margins??null,marginGrids:this.reader.margins?.grids??null,dimSpecial:n.special==="dimmed",palette:this.app.palette}}statusOf(t,e){let n=this.reader.margins?.margins.sampled??0,{state:o}=this.app.store,s=Ei(o,this.shown,t,e,n),{more:i,top:a}=this.sceneOf(t).scale;return i&&!o.limits?`${s} \xB7 the strongest colour is ${a} and more, which 1 cell in ${200} has`:s}crosshair(t){let{state:e}=this.app.store,n=Wt(e,this.shown);if(!n)return null;let o=Lr(t.cells,n.row,n.column);return{...n,pinned:e.pinned,rowText:S(this.shown.rows.label(n.row)),columnText:S(this.shown.columns.label(n.column)),lines:Ti(this.app.manifest,e,this.shown,n,o,this.probe.found)}}async exactCells(){this.dirty.base&&this.draw();let{cells:t,reading:e}=this.reader;if(t?.read&&!e)return t;let{state:n}=this.app.store,o=Vt(this.layout().frame,this.shown,he);return ut(this.app.source,n,this.shown,o,0)}};var Oi={name:"map",title:"Map",styles:$s,keys:[["\u2190 \u2191 \u2192 \u2193","move the crosshair by a cell (with Shift, by ten)"],["Home, End","first or last key on the row (with Ctrl, of the first or last query)"],["Page Up, Page Down","move by a screen"],["+, \u2212","zoom in or out around the crosshair"],["0","the whole map"],["Enter, Escape","pin the crosshair, let it go"],["wheel, pinch","zoom around the pointer"],["drag","move the map"],["double click","zoom in (with Alt, out)"],["Shift + drag","zoom to a box"]],settings:["unit","pair","special","renormalise","rowAxis","scale","how","several"],about:"Map: every weight of a head at once. A row is what looks, a column is what is looked at; point at a cell to read it, click to keep it.",meaning:({row:r,column:t,purpose:e,stronger:n,signed:o})=>o?`Each row is ${r}, each column ${t}; colours say how far a weight is from 0, and on which side.`:`Each row is ${r}; the ${n} a cell, the more the model looked at ${t}${e}.`,unavailable:r=>r.maps.length===0?"there is no map":null,mount:(r,t)=>new mn(r,t)};var[Pi,$h]=[180,420];function Ci({direction:r,height:t}){return r==="lines"?92+Pi:t}function Ri(r,t,e,n,o,s="auto"){let i=[r,t].map(f=>f.map(o)),a=i.map(f=>f.reduce((g,y)=>g+y+14,0)-14),l=Math.max(...a,0)+24;if(s==="lines"||s==="auto"&&l<=e){let f=Math.max(e,l),g=(x,A,v)=>{let k=(f-a[x])/2;return v.map((E,T)=>{let R={text:E,x:k+i[x][T]/2,y:A,width:i[x][T],anchor:"middle"};return k+=i[x][T]+14,R})},y=92,w=y+Math.max(Pi,Math.min($h,n-y));return{direction:"lines",width:f,height:w,keys:g(0,22+24*.75,r),queries:g(1,w-22-24*.35,t)}}let c=i.map(f=>Math.min(Math.max(0,...f),260)),h=Math.max(140,Math.min(420,e-c[0]-c[1]-112)),u=Math.max(e,c[0]+c[1]+h+112),p=(u-h-c[0]-c[1])/2+c[0],m=Math.max(r.length,t.length),d=(f,g,y,w)=>w.map((x,A)=>({text:x,x:g,y:22+24*(A+.75)+(m-w.length)*24/2,width:i[f][A],anchor:y}));return{direction:"columns",width:u,height:22+m*24+12,keys:d(0,p,"end",r),queries:d(1,p+h,"start",t)}}function dn(r,t,e){let n=c=>c.toFixed(1);if(r.direction==="lines"){let[c,h]=[t.y+8,e.y-16],u=(c+h)/2;return`M${n(t.x)} ${n(c)}C${n(t.x)} ${n(u)} ${n(e.x)} ${n(u)} ${n(e.x)} ${n(h)}`}let[o,s]=[t.x+6,e.x-6],[i,a]=[t.y-4,e.y-4],l=(o+s)/2;return`M${n(o)} ${n(i)}C${n(l)} ${n(i)} ${n(l)} ${n(a)} ${n(s)} ${n(a)}`}function qi(r,t,e){if(t.info.kind!=="cross"||e==="tokens")return null;let n=r.alignments.find(({item:a})=>a===t.info.item);if(!n)return null;let o=a=>Array.from({length:a.count},(l,c)=>c).filter(l=>!a.special(l)),[s,i]=[o(t.columns),o(t.rows)];return s.length!==n.sourceWords.length||i.length!==n.targetWords.length?null:n.links.map(([a,l])=>[s[a],i[l]])}function Ni(r,t,e,n,o){let s=P("g",{fill:"none"});for(let[i,a]of t){let[l,c]=[r.keys[i-n],r.queries[a-e]];if(!l||!c)continue;let h=dn(r,l,c);s.append(P("path",{d:h,stroke:o.background,"stroke-width":4}),P("path",{d:h,stroke:o.accent,"stroke-width":2,"stroke-dasharray":"5 4",class:"link"}))}return s}var Lh="13px system-ui, sans-serif";function Hi(r,t,e){let n=(80+150*e)/255;return{stroke:X(t<0?-n:n,r),"stroke-width":(.6+5.4*e).toFixed(2),"stroke-opacity":(.25+.7*e).toFixed(2)}}function Or(r,t,e,n,o){let{text:s,dimmed:i}=n;return t.map((a,l)=>{let c=P("text",{x:a.x.toFixed(1),y:a.y.toFixed(1),"text-anchor":a.anchor,fill:o(l)?i:s,class:"label","data-side":e,"data-at":l,"font-family":"system-ui, sans-serif","font-size":13,"unicode-bidi":"plaintext"});return c.textContent=a.text,r.append(c),c})}var Ii=30;function Fi(r,t,e){let n=Number(r.getAttribute("width")),o=Number(r.getAttribute("height")),s={width:n,height:o+Ii},i=P("svg",{...s,viewBox:`0 0 ${s.width} ${s.height}`});i.append(P("rect",{...s,fill:e.background}));let a={"font-family":"system-ui, sans-serif","font-size":13,"font-weight":"bold"};return i.append(P("text",{x:8,y:18,fill:e.text,...a},t)),r.setAttribute("y",String(Ii)),i.append(r),new XMLSerializer().serializeToString(i)}function Bi(r,t,e,n){let o=t.direction==="columns",s=[[e.key,o?8:t.width/2,14,o?"start":"middle"],[e.query,o?t.width-8:t.width/2,o?14:t.height-6,o?"end":"middle"]];for(let[i,a,l,c]of s){let h={"font-family":"system-ui, sans-serif","font-size":11},u=P("text",{x:a,y:l,"text-anchor":c,fill:n.dimmed,...h});u.textContent=i,r.append(u)}}var[Oh,Ph]=[3,.05];function Ui({values:r,rows:t,columns:e}){let n=r.map(Math.abs).sort(),o=n[Math.max(0,n.length-Oh*Math.max(t,e))]??0,s=n[n.length-1]??0,i=Math.max(o,Ph*s);return Number(i.toPrecision(2))}function zi(r,t,e,n){let o=[];for(let s=0;s<r.rows;s++){let i=r.values.subarray(s*r.columns,(s+1)*r.columns),a=1;e&&(a=i.reduce((l,c)=>Math.max(l,Math.abs(c)),0)||1),i.forEach((l,c)=>{l!==0&&Math.abs(l)>=t&&o.push({weight:l,query:s,key:c,size:Math.min(1,Math.abs(l)/a)})})}return o.sort((s,i)=>Math.abs(i.weight)-Math.abs(s.weight)),{kept:o.slice(0,n),left:Math.max(0,o.length-n)}}var ge;function Gi(r){return ge===void 0&&(ge=document.createElement("canvas").getContext("2d")),ge?(ge.font=Lh,ge.measureText(r).width):7.5*[...r].length}var Vi=`.ribbon {
  display: flex;
  flex-direction: column;
  height: 100%;
  min-height: 0;
}
.ribbon-controls {
  display: flex;
  flex-wrap: wrap;
  gap: 0.4rem 1.2rem;
  align-items: center;
  padding: 0.4rem 0.8rem;
  font-size: 0.85rem;
}
.ribbon-controls label {
  display: inline-flex;
  gap: 0.4rem;
  align-items: center;
}
.ribbon-controls output {
  font-family: ui-monospace, monospace;
  min-width: 3.2em;
}
.ribbon-stage {
  flex: 1;
  min-height: 0;
  overflow: auto;
}
.ribbon-stage:focus-visible {
  outline: 2px solid var(--accent);
  outline-offset: -2px;
}
.ribbon-stage svg {
  display: block;
  margin: 0 auto;
}
.ribbon-stage .label {
  cursor: pointer;
}
.ribbon-stage .faint-curve {
  opacity: 0.22;
}
`;var _i=240,Pr=4e3,Rh=new Set(["pins","find","with","compare","several"]),ji={name:"ribbon",title:"Ribbon",styles:Vi,keys:[["\u2191 \u2193 \u2190 \u2192","next or previous token; the other side"],["Enter","hold the token, let it go"],["+ \u2212","draw more or fewer curves"],["l","lines or columns"]],settings:["unit","pair","special","renormalise","rowAxis","scale"],about:"Ribbon: two rows of words joined by curves, the wider the more weight. Point at a word to see its curves alone.",meaning:({row:r,column:t,purpose:e})=>`A curve joins ${r} to ${t} that it looked at${e}: the wider, the more.`,unavailable:()=>null,mount:(r,t)=>new Cr(r,t)},Cr=class{constructor(t,e){this.app=e;this.pointed=new gt(e.store),this.frame.className="ribbon";let n=document.createElement("div");n.className="ribbon-controls",Object.assign(this.threshold,{type:"range",min:"0",max:"1",step:"0.01"});let o=document.createElement("label");o.append("weights of at least",this.threshold,this.thresholdText),this.links.type="checkbox",this.linksLabel.append(this.links,"links that the alignment found"),this.turn.type="button",n.append(o,this.turn,this.linksLabel),this.stage.className="ribbon-stage",this.stage.tabIndex=0,this.frame.append(n,this.stage),t.append(this.frame),this.threshold.addEventListener("input",()=>this.app.store.set({threshold:Number(this.threshold.value)})),this.links.addEventListener("change",()=>this.draw()),this.turn.addEventListener("click",()=>this.turnAround()),this.stage.addEventListener("pointerover",s=>this.pointAt(s)),this.stage.addEventListener("pointerleave",()=>this.leave()),this.stage.addEventListener("click",s=>this.hold(s)),this.stop=e.store.subscribe((s,i)=>{[...i].every(a=>Rh.has(a))||([...i].every(a=>a==="query"||a==="key"||a==="pinned")?this.highlight():[...i].every(a=>a==="threshold"||a==="scale")?this.draw():this.ask())}),this.sized=new ResizeObserver(()=>this.draw()),this.sized.observe(this.stage),this.ask()}app;frame=document.createElement("div");stage=document.createElement("div");said="";threshold=document.createElement("input");thresholdText=document.createElement("output");links=document.createElement("input");linksLabel=document.createElement("label");turn=document.createElement("button");pointed;stop;sized;asking=new AbortController;wanted="auto";drawn=null;least=0;side="query";destroy(){this.asking.abort(),this.stop(),this.sized.disconnect(),this.frame.remove()}redraw(){this.draw()}contentHeight(){return this.drawn&&this.frame.clientHeight-this.stage.clientHeight+Ci(this.drawn.layout)+4}region=null;async ask(){this.asking.abort(),this.asking=new AbortController;let{signal:t}=this.asking,{state:e}=this.app.store,n=U(this.app.manifest,e),o=e.viewport,s=Jn(o?.top??0,o?.bottom??n.rows.count,n.rows.count,_i),i=Jn(o?.left??0,o?.right??n.columns.count,n.columns.count,_i);try{let a=await this.app.source.region(ct(e,n,s,i),t);if(t.aborted)return;this.region={shown:n,rows:s,columns:i,region:a},this.draw()}catch(a){t.aborted||this.app.fail(a)}}draw(){let{palette:t}=this.app,{state:e}=this.app.store;if(!this.region)return;let{shown:n,rows:o,columns:s,region:i}=this.region;this.least=e.threshold??Ui(i),this.threshold.value=String(this.least),this.thresholdText.value=this.leastText();let a=(y,[w,x])=>Array.from({length:x-w},(A,v)=>S(y.label(w+v),28)),l=Ri(a(n.columns,s),a(n.rows,o),Math.max(320,this.stage.clientWidth-4),this.stage.clientHeight-4,Gi,this.wanted);this.turn.textContent=l.direction==="lines"?"as columns":"as lines";let c=qi(this.app.manifest,n,e.unit);this.linksLabel.hidden=c===null;let h=zi(i,this.least,e.scale==="row",Pr),u=P("svg",{width:l.width,height:l.height,viewBox:`0 0 ${l.width} ${l.height}`});u.setAttribute("role","img");let p=P("g",{fill:"none","stroke-linecap":"round"}),m=h.kept.map(({weight:y,query:w,key:x,size:A})=>{let v=P("path",{d:dn(l,l.keys[x],l.queries[w]),...Hi(t,y,A)});return p.append(v),{weight:y,query:w,key:x,path:v}});u.append(p),c&&this.links.checked&&u.append(Ni(l,c,o[0],s[0],t));let d=e.special==="dimmed",f={key:Or(u,l.keys,"key",t,y=>d&&n.columns.special(s[0]+y)),query:Or(u,l.queries,"query",t,y=>d&&n.rows.special(o[0]+y))};Bi(u,l,{key:n.columns.axis.title,query:n.rows.axis.title},t);let g=P("g",{});u.append(g),this.stage.replaceChildren(u),this.drawn={shown:n,rows:o,columns:s,region:i,layout:l,links:m,left:h.left,labels:f,numbers:g},this.highlight()}highlight(){let t=this.drawn;if(!t)return;let e=this.chosen(),{accent:n,text:o}=this.app.palette;t.numbers.replaceChildren();for(let{path:l,query:c,key:h}of t.links)l.classList.toggle("faint-curve",e!==null&&(e.side==="query"?c:h)!==e.at);for(let l of["key","query"])t.labels[l].forEach((c,h)=>{c.setAttribute("font-weight",e?.side===l&&e.at===h?"700":"400")});if(this.stage.querySelector("svg")?.setAttribute("aria-label",this.caption()),!e){this.tell(this.caption());return}let s=e.side==="query"?"key":"query",i=t.layout[s==="key"?"keys":"queries"],a=t.links.filter(l=>l[e.side]===e.at);a.slice(0,40).forEach(l=>{let c=i[l[s]],h=t.layout.direction==="lines",u=(c.anchor==="end"?-1:1)*(c.width+8),p=P("text",{x:(h?c.x:c.x+u).toFixed(1),y:(h?c.y+(s==="key"?-15:14):c.y).toFixed(1),"text-anchor":c.anchor,fill:l===a[0]?n:o,"font-family":"ui-monospace, monospace","font-size":11});p.textContent=L(l.weight),t.numbers.append(p)}),this.tell(this.sentence(e,a))}leastText(){return this.least<.01&&this.least>0?L(this.least):this.least.toFixed(2)}tell(t){this.said=t,this.app.describe(t)}sentence(t,e){let n=this.drawn,o=(l,c)=>l==="query"?j(S(n.shown.rows.label(n.rows[0]+c))):j(S(n.shown.columns.label(n.columns[0]+c))),s=t.side==="query"?"key":"query",i=e.slice(0,6).map(l=>`${o(s,l[s])} ${L(l.weight)}`),a=t.side==="query"?"attends to":"is attended by";return`${o(t.side,t.at)} ${a} ${i.join(", ")||`nothing with a weight of ${this.leastText()} or more`}`}caption(){let t=this.drawn;if(!t)return"";let{state:e}=this.app.store,n=(o,[s,i],a)=>i-s<a?`; ${o} ${$(s)} to ${$(i-1)} of ${$(a)}`:"";return`${O(t.shown.info,e.heads)}: weights of at least ${this.leastText()}`+(t.left>0?`, the strongest ${$(Pr)} of ${$(Pr+t.left)}`:"")+n("rows",t.rows,t.shown.rows.count)+n("columns",t.columns,t.shown.columns.count)}chosen(){let t=this.drawn;if(!t)return null;let{state:e}=this.app.store,n=this.side==="query"?["query","key"]:["key","query"];for(let o of n){let s=e[o];if(s===null)continue;let[i,[a,l]]=o==="query"?[t.shown.rows,t.rows]:[t.shown.columns,t.columns],c=i.unitOf(s);if(c>=a&&c<l)return{side:o,at:c-a}}return null}choose(t,e,n,o=!1){let s=this.drawn;this.side=t;let i=t==="query"?s.shown.rows.start(s.rows[0]+e):s.shown.columns.start(s.columns[0]+e),a=t==="query"?{query:i,key:null}:{query:null,key:i};o?this.pointed.over(a):(this.pointed.keep(),this.app.store.set({...a,pinned:n}))}pointAt(t){let e=Di(t);e&&!this.app.store.state.pinned&&this.choose(e.dataset.side,Number(e.dataset.at),!1,!0)}hold(t){let e=Di(t);e?this.choose(e.dataset.side,Number(e.dataset.at),!0):this.app.store.set({pinned:!1,query:null,key:null})}leave(){this.pointed.leave()}turnAround(){this.wanted=this.drawn?.layout.direction==="lines"?"columns":"lines",this.draw()}keydown(t){let e=this.drawn;if(!e)return!1;let n=e.layout.direction==="lines",o=n?{ArrowLeft:-1,ArrowRight:1}:{ArrowUp:-1,ArrowDown:1},s=n?{ArrowUp:"key",ArrowDown:"query"}:{ArrowLeft:"key",ArrowRight:"query"},{state:i}=this.app.store,a=o[t.key];if(a||s[t.key]){let l=this.chosen(),c=s[t.key]??l?.side??this.side,h=e.labels[c].length,u=l===null?0:Math.max(0,Math.min(h-1,l.at+(a??0)));h>0&&this.choose(c,u,i.pinned),this.app.say(this.said)}else if(t.key==="Enter")this.app.store.set({pinned:!i.pinned});else if(t.key==="Escape")this.app.store.set({pinned:!1,query:null,key:null});else if(t.key==="+"||t.key==="-"){let l=Math.max(0,Math.min(1,this.least+(t.key==="+"?-.01:.01)));this.app.store.set({threshold:Number(l.toFixed(2))})}else if(t.key==="l")this.turnAround();else return!1;return!0}async table(t=!1){let e=ot(t),n=this.drawn;if(!n)return{caption:"nothing is drawn yet",columns:[],rows:[]};let{rows:o,columns:s,shown:i}=n,a=this.chosen(),c=n.links.filter(h=>a===null||h[a.side]===a.at).sort((h,u)=>h.query-u.query||u.weight-h.weight).slice(0,500);return{caption:this.caption(),columns:[i.rows.axis.title,i.columns.axis.title,Rt(this.app.store.state)==="mass"?"mass":"weight"],rows:c.map(({query:h,key:u,weight:p})=>[S(i.rows.label(o[0]+h)),S(i.columns.label(s[0]+u)),e(p)])}}async svg(){let t=this.stage.querySelector("svg")?.cloneNode(!0);if(!t)throw new Error("nothing is drawn yet");for(let e of t.querySelectorAll(".faint-curve"))e.setAttribute("opacity","0.22");return Fi(t,this.caption(),this.app.palette)}};function Di(r){return r.target.closest(".label")}var Wi=`.steps-view {
  height: 100%;
  overflow: auto;
  padding: 6px 12px 12px;
}
.steps-queries,
.steps-bar,
.steps-figures {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 4px;
  margin-bottom: 8px;
}
.steps-queries {
  max-height: 96px;
  overflow: auto;
}
.steps-title {
  font-size: 13px;
  color: var(--dimmed);
  margin-right: 4px;
}
.steps-view button {
  padding: 2px 8px;
}
.steps-view button.dimmed {
  color: var(--dimmed);
}
.steps-view button[aria-pressed="true"] {
  border-color: var(--accent);
  box-shadow: inset 0 0 0 1px var(--accent);
}
.steps-sentence {
  flex: 1 1 320px;
  margin: 0 0 0 8px;
  min-height: 2.8em;
  display: flex;
  align-items: center;
}
.steps-scroll {
  overflow-x: auto;
  margin-bottom: 10px;
}
.steps-table {
  border-collapse: separate;
  border-spacing: 1px;
  font:
    12px / 1.5 ui-monospace,
    monospace;
}
.steps-table caption {
  padding-bottom: 3px;
  text-align: left;
  font:
    13px / 1.4 system-ui,
    sans-serif;
  color: var(--dimmed);
}
.steps-table th {
  font-weight: 400;
  padding: 1px 3px;
  white-space: nowrap;
}
.steps-table tbody th {
  position: sticky;
  left: 0;
  padding-left: 8px;
  text-align: left;
  background: var(--background);
}
.steps-table thead button {
  padding: 1px 4px;
  font:
    12px ui-monospace,
    monospace;
}
.steps-table td {
  min-width: 46px;
  padding: 2px 5px;
  text-align: right;
  white-space: nowrap;
}
.steps-table td.chosen {
  outline: 1px solid var(--accent);
}
.steps-table tr.current th {
  box-shadow: inset 3px 0 0 var(--accent);
}
.steps-table .steps-none {
  color: var(--dimmed);
}
.steps-table .steps-sum {
  border-left: 1px solid var(--frame);
}
.steps-name {
  display: inline-block;
  min-width: 62px;
  font:
    13px system-ui,
    sans-serif;
  color: var(--dimmed);
}
.steps-table math {
  font-size: 15px;
}
.steps-product {
  margin-bottom: 10px;
}
.steps-product summary {
  cursor: pointer;
  padding: 3px 0;
}
.viewer .steps-figure {
  display: flex;
  flex-direction: column;
  align-items: center;
  gap: 4px;
  padding: 6px;
  font-size: 12px;
}
.steps-matrix {
  position: relative;
  display: block;
}
.steps-matrix canvas {
  display: block;
  image-rendering: pixelated;
  outline: 1px solid var(--frame);
}
.steps-mark {
  position: absolute;
  left: -2px;
  right: -2px;
  border: 1px solid var(--accent);
  pointer-events: none;
}
.steps-why {
  list-style: none;
  margin: 0.3rem 0 0.8rem;
  padding: 0;
  max-width: 34rem;
}
.steps-why li {
  display: grid;
  grid-template-columns: 7rem 1fr 4.5rem;
  align-items: center;
  gap: 0.5rem;
  min-height: 1.3rem;
}
.steps-why-name {
  color: var(--dimmed);
}
.steps-why-value {
  font-family: ui-monospace, monospace;
  text-align: end;
}
.steps-why-track {
  position: relative;
  height: 0.8rem;
  background: linear-gradient(var(--frame), var(--frame)) center / 1px 100% no-repeat;
}
.steps-why-bar {
  position: absolute;
  top: 0;
  bottom: 0;
  left: 50%;
}
.steps-why-bar.negative {
  left: auto;
  right: 50%;
}
.steps-why-sum {
  margin: 0.4rem 0 0;
}
`;function Z(r){let t=0;for(let e=0;e<r.length;e++)Number.isFinite(r[e])&&(t=Math.max(t,Math.abs(r[e])));return t}var Rr="http://www.w3.org/1998/Math/MathML";function rt(r,t){return["msub",r,t]}function qr(r){let t=document.createElementNS(Rr,"math");return t.setAttribute("displaystyle","true"),t.append(...r.map(Ki)),t}function Ki(r){if(typeof r!="string"){let[e,...n]=r,o=document.createElementNS(Rr,e);return o.append(...n.map(Ki)),o}let t=document.createElementNS(Rr,Nh(r));return t.textContent=r==="or"?"\xA0or\xA0":r,t}function Nh(r){return r==="or"?"mtext":/^\u2212?[\d\u221e]/.test(r)?"mn":/^\p{L}+$/u.test(r)&&r!=="\u03A3"?"mi":"mo"}function _(r){if(r===Number.NEGATIVE_INFINITY)return"\u2212\u221E";if(r===0)return"0";let t=Math.abs(r),e=t>=1e3||t<5e-4?t.toExponential(1):t.toFixed(t>=100?0:t>=10?1:t>=.1?2:3);return r<0?`\u2212${e}`:e}function Yi(r,t=r.keys){let{queries:e,keys:n,dim:o,scale:s,softcap:i,sink:a,rest:l=0}=r,c=(v,k)=>v.subarray(k*n,(k+1)*n),h=[],u=rt("s","j"),p=v=>h.push({...v,weights:!1,sink:null,others:null,sum:null});if(p({name:"q \xB7 k",formula:[u,"=","q","\xB7",rt("k","j")],plain:"s\u2C7C = q \xB7 k\u2C7C",values:r.scores,sentence:()=>`The query times each key: the sum of the ${o} products of their components.`}),s!==1){let v=Math.abs(s*Math.sqrt(o)-1)<1e-4;p({name:"scale",formula:v?[["mfrac",u,["msqrt","d"]]]:[u,"\xB7",_(s)],plain:v?"s\u2C7C / \u221Ad":`s\u2C7C \xB7 ${_(s)}`,values:r.scaled,sentence:()=>`Each score is ${v?`divided by \u221A${o} = ${_(Math.sqrt(o))}`:`multiplied by ${_(s)}`}, so that its size does not grow with the number of components.`})}if(r.capped&&i!==null){let v=String(Number(i.toPrecision(4)));p({name:"softcap",formula:[v,"\xB7","tanh",["mfrac",u,v]],plain:`${v} \xB7 tanh(s\u2C7C / ${v})`,values:r.capped,sentence:()=>`Each score is bent to stay between \u2212${v} and ${v}.`})}if(r.biased&&p({name:"bias",formula:[u,"+",rt("b","j")],plain:"s\u2C7C + b\u2C7C",values:r.biased,sentence:()=>"What the model adds to the score of this query and each key, by where they stand."}),r.masked){let{masked:v}=r;p({name:"mask",formula:[u,"or","\u2212\u221E"],plain:"s\u2C7C or \u2212\u221E",values:v,sentence:k=>{let E=c(v,k).filter(R=>R===Number.NEGATIVE_INFINITY).length,T=r.hidden??E;return`${T} of ${t} keys ${T===1?"is":"are"} hidden from this query: \u2212\u221E there, which no weight survives.`}})}let m=h[h.length-1];a!==null&&(m.sink=()=>a);let d=v=>c(m.values,v).reduce((k,E)=>Math.max(k,E),a??Number.NEGATIVE_INFINITY),f=(v,k)=>k===Number.NEGATIVE_INFINITY?0:Math.exp(v-k),g=m.values.map((v,k)=>f(v,d(Math.floor(k/n)))),y=v=>a===null?0:f(a,d(v)),w=v=>(c(g,v).reduce((k,E)=>k+E,0)+y(v))/(1-Math.min(l,.999999)),x=r.positions!=null&&n<t,A=rt("s","max");if(h.push({name:"exp",formula:[rt("e","j"),"=",["msup","e",["mrow",u,"\u2212",A]]],plain:"e\u2C7C = exp(s\u2C7C \u2212 max)",values:g,weights:!0,sink:a===null?null:y,others:x?v=>l*w(v):null,sum:w,sentence:v=>d(v)===Number.NEGATIVE_INFINITY?"This query sees no key at all.":`The largest, ${_(d(v))}, is taken from each, so that nothing overflows; then e to that power. Their sum is ${_(w(v))}${a===null?"":", the sink's part in it"}.`}),h.push({name:"softmax",formula:[rt("w","j"),"=",["mfrac",rt("e","j"),["mrow","\u03A3","e"]]],plain:"w\u2C7C = e\u2C7C / \u03A3e",values:r.weights,weights:!0,sink:a===null?null:v=>w(v)===0?0:y(v)/w(v),others:x?()=>l:null,sum:v=>c(r.weights,v).reduce((k,E)=>k+E,l),sentence:v=>{let k=c(r.weights,v).reduce((T,R)=>T+R,l);if(k===0)return"It sees nothing: its weights are 0.";let E=a===null?"":"; the sink takes the rest, and has no value to give";return`Each is divided by their sum: the weights, which sum to ${L(k)}${E}.`}}),e*n!==r.weights.length)throw new Error(`expected ${e} \xD7 ${n} weights, got ${r.weights.length}`);return h}var[Nr,fn,Ir]=[190,54,26],Ih="ui-monospace, monospace",Xi="system-ui, sans-serif";function Ji({title:r,stages:t,query:e,labels:n,extras:o,palette:s}){let i=Nr+fn*(n.length+o.length)+24,a=Nt(r,i-24,d=>7.4*[...d].length),l=64+18*(a.length-1),c=l+Ir*t.length+12,h=P("svg",{width:i,height:c,viewBox:`0 0 ${i} ${c}`}),u=(...d)=>h.append(P(...d)),p=(d,f,g,y,w="middle",x=Ih,A=11)=>u("text",{x:d,y:f,fill:y,"text-anchor":w,"font-family":x,"font-size":A},g);u("rect",{width:i,height:c,fill:s.background}),a.forEach((d,f)=>{p(12,22+18*f,d,s.text,"start",Xi,14)});let m=d=>Nr+fn*(d+.5);return[...n,...o.map(({name:d})=>d)].forEach((d,f)=>{p(m(f),l-12,[...d].length>8?`${[...d].slice(0,7).join("")}\u2026`:d,s.text)}),t.forEach((d,f)=>{let g=l+f*Ir,y=n.length,w=d.weights?1:Z(d.values);p(12,g+17,`${d.name}:  ${d.plain}`,s.text,"start",Xi,13);for(let x=0;x<y;x++){let A=d.values[e*y+x],v=Number.isFinite(A)&&w>0?A/w:0,[k,E]=[X(v,s),ft(v,s)];u("rect",{x:Nr+x*fn,y:g,width:fn-2,height:Ir-2,fill:k}),p(m(x),g+16,_(A),E)}o.forEach((x,A)=>{let v=x.of(d);v!==null&&p(m(y+A),g+16,_(v),s.text)})}),new XMLSerializer().serializeToString(h)}var Hh=96;function Qi(r,{queries:t,keys:e},n,o,s){return r.map((i,a)=>{let l=M("",`all queries: ${i.name}`,()=>s(a));l.className="steps-figure";let c=b("canvas");c.width=e,c.height=t,c.setAttribute("role","img"),c.setAttribute("aria-label",`${i.name} of all ${t} queries and ${e} keys, query ${n} marked`);let h=Hh/Math.max(t,e);c.style.width=`${e*h}px`,c.style.height=`${t*h}px`;let u=c.getContext("2d");u&&u.putImageData(new ImageData(Fh(i,o),e,t),0,0);let p=b("span","steps-matrix"),m=b("span","steps-mark");return m.style.top=`${n*h}px`,m.style.height=`${Math.max(2,h)}px`,p.append(c,m),l.append(p,b("span","",i.name)),l})}function Fh({values:r,weights:t},e){let n=t?1:Z(r),o=new Uint8ClampedArray(4*r.length);return r.forEach((s,i)=>{let a=Number.isFinite(s)&&n>0?s/n:0;o.set([...Ft(a,e),255],4*i)}),o}function Hr(r,t,e){let n=b("td","",_(r));if(!Number.isFinite(r))return n.classList.add("steps-none"),n;let o=t>0?r/t:0,[s,i]=[X(o,e),ft(o,e)];return n.style.background=s,n.style.color=i,n}function pt(r,t){let e=b("th","",r);return e.scope=t,e}function gn(r,t,e,n,o){let s=b("table","steps-table");s.createCaption().textContent=r;let i=s.createTHead().insertRow(),a=e[0]?.values.length??0;i.append(pt(t,"col"));for(let c=0;c<a;c++)i.append(pt(String(c),"col"));n!==null&&i.append(pt(n,"col"));let l=s.createTBody();for(let{name:c,values:h,largest:u,sum:p}of e){let m=l.insertRow();m.append(pt(c,"row"),...Array.from(h,d=>Hr(d,u,o))),n!==null&&m.append(b("td","steps-sum",p??""))}return s}var Fr=8,Br=4;function Bh({query:r,key:t,dim:e},{row:n,column:o}){let s=t.subarray(o*e,(o+1)*e);return r.subarray(n*e,(n+1)*e).map((i,a)=>i*s[a])}function Uh(r){let t=Array.from(r,(s,i)=>({name:`channel ${i}`,value:s}));if(t.sort((s,i)=>i.value-s.value),t.length<=Fr+Br+1)return t;let e=t.slice(Fr,t.length-Br),n=e.reduce((s,{value:i})=>s+i,0),o={name:`${e.length} between`,value:n};return[...t.slice(0,Fr),o,...t.slice(t.length-Br)]}function Zi(r,t,e,n){let{query:o,key:s,dim:i}=r,a=Bh(r,t),l=_(e),c=b("p","steps-why-sum");c.textContent=`q \xB7 k is ${l}, the sum of what ${i} channels add:`;let h=Uh(a),u=Z(h.map(({value:d})=>d))||1,p=b("ol","steps-why");for(let{name:d,value:f}of h){let g=b("li"),y=b("span","steps-why-track"),w=b("span",`steps-why-bar ${f<0?"negative":"positive"}`);w.style.width=`${50*Math.abs(f)/u}%`,w.style.background=X((f<0?-1:1)*(.35+.5*Math.abs(f)/u),n),y.append(w),g.append(b("span","steps-why-name",d),y,b("span","steps-why-value",_(f))),p.append(g)}let m=gn(`Components of the query ${t.queryLabel}, of the key ${t.keyLabel}, and their products, which sum to ${l}`,"component",[{name:"q",values:o.subarray(t.row*i,(t.row+1)*i),largest:Z(o)},{name:"k",values:s.subarray(t.column*i,(t.column+1)*i),largest:Z(s)},{name:"q \xB7 k",values:a,largest:Z(a),sum:l}],"\u03A3",n);return[c,p,m]}var Ur=16,zh=64,zr=12,bn=class{constructor(t,e){this.app=e;this.reach=Ct(this.queries,()=>[...this.queries.querySelectorAll("button")]),this.build(t),this.stop=e.store.subscribe((n,o)=>this.changed(o)),this.load()}app;element=b("div","steps-view");queries=b("div","steps-queries");sentence=b("p","steps-sentence");stageHolder=b("div","steps-scroll");product=b("details","steps-product");summary=b("summary");productBody=b("div","steps-scroll");output=b("div","steps-scroll");figures=b("div","steps-figures");back=M("Previous","the stage before (k)",()=>this.go(this.stage-1));next=M("Next","the next stage (j)",()=>this.go(this.stage+1));reach;stop;asking=new AbortController;steps=null;arriving=Promise.resolve();stages=[];stage=0;redraw(){this.show()}destroy(){this.asking.abort(),this.stop(),this.element.remove()}keydown(t){if(!this.steps||t.ctrlKey||t.altKey||t.metaKey)return!1;let{queries:e}=this.info,{places:n}=this,o=(s,i)=>Math.max(0,Math.min(i-1,s));if(t.key==="j")this.go(this.stage+1);else if(t.key==="k")this.go(this.stage-1);else if(t.key==="ArrowUp"||t.key==="ArrowDown")this.app.store.set({query:o(this.query+(t.key==="ArrowDown"?1:-1),e)}),this.app.say(this.strongestText());else if(t.key==="ArrowLeft"||t.key==="ArrowRight"){let s=o(this.column+(t.key==="ArrowRight"?1:-1),n.length);this.app.store.set({key:n[s]}),this.app.say(this.keyText())}else if(t.key==="o")this.product.open=!this.product.open,this.app.say(this.product.open?this.keyText():"");else return!1;return!0}get info(){return this.app.manifest.maps[this.app.store.state.map]}get rowAxis(){let{axes:t}=this.app.manifest;return t[this.info.rowAxes[this.app.store.state.rowAxis]??this.info.rowAxes[0]]}get columnAxis(){return this.app.manifest.axes[this.info.columnAxis]}get head(){return this.app.store.state.heads[0]}get query(){let t=this.app.store.state.query;if(t!==null)return Math.min(t,this.info.queries-1);let e=new Set(this.rowAxis.special);for(let n=this.info.queries-1;n>0;n--)if(!e.has(n))return n;return 0}get whole(){return Math.max(this.info.queries,this.info.keys)<=zh}get row(){return this.steps?.positions?0:this.query}get places(){return this.steps?.positions??Array.from({length:this.info.keys},(t,e)=>e)}get column(){return Math.max(0,this.places.indexOf(this.key))}get key(){let{places:t}=this,e=this.app.store.state.key;if(e!==null&&t.includes(e))return e;let n=this.rowOf(this.steps?.weights??new Float32Array((this.row+1)*t.length));return t[n.indexOf(Math.max(...n))]??0}rowOf(t){let{length:e}=this.places;return t.subarray(this.row*e,(this.row+1)*e)}queryLabel(){return S(this.rowAxis.tokens[this.query],Ur)}keyLabel(t=this.key){return S(this.columnAxis.tokens[t],Ur)}get lastStage(){return this.stages.length-(this.steps?.output?0:1)}changed(t){let e=t.has("query")||t.has("key")&&!this.places.includes(this.app.store.state.key??this.key);t.has("map")||t.has("heads")||!this.whole&&e?this.load():["query","key","rowAxis","special","unit"].some(n=>t.has(n))&&this.show()}load(){this.asking.abort(),this.asking=new AbortController;let{signal:t}=this.asking,{map:e}=this.app.store.state;if(this.steps=null,!this.info.steps)return;let n=this.whole?void 0:{query:this.query,key:this.app.store.state.key};this.arriving=this.app.source.steps(e,this.head,t,n).then(o=>{t.aborted||this.take(o)},o=>{t.aborted||this.app.fail(o)})}async arrived(){if(await this.arriving,!this.steps)throw new Error("the numbers of this head are not here; choose it again")}take(t){let e=this.stages.map(({name:n})=>n).join();this.steps=t,this.stages=Yi(t,this.info.keys),e!==this.stages.map(({name:n})=>n).join()&&(this.stage=0),this.show()}go(t){this.stage=Math.max(0,Math.min(this.lastStage,t)),this.show(),this.app.say(this.sentence.textContent??"")}show(){let{steps:t,stages:e}=this;if(!t||e.length===0)return;let{palette:n}=this.app;this.showQueries(),this.sentence.textContent=this.stageSentence(),this.back.disabled=this.stage===0,this.next.disabled=this.stage===this.lastStage,this.stageHolder.replaceChildren(this.stageTable());let[o,s]=[this.queryLabel(),this.keyLabel()];this.summary.textContent=`Why \u201C${o}\u201D looks at \u201C${s}\u201D: the dot product of the query and the key`;let i={row:this.row,column:this.column,queryLabel:o,keyLabel:s};this.productBody.replaceChildren(...Zi(t,i,this.rowOf(t.scores)[this.column],n));let a=t.output!==null&&this.stage===this.lastStage;this.output.hidden=!a,this.output.replaceChildren(...a?[this.outputTable(t)]:[]);let l=this.whole?Qi(e,t,this.query,n,c=>this.go(c)):[];l.forEach((c,h)=>{c.setAttribute("aria-pressed",String(h===this.stage))}),this.figures.replaceChildren(...l)}stageSentence(){let t=this.stages[this.stage],e=this.app.store.state.heads.length>1?`Head ${this.head} of those chosen. `:"";return t?`${e}${this.stage+1}. ${t.name}: ${t.sentence(this.row)}`:`${e}${this.stage+1}. times v: The values of the keys, each times its weight, are summed: what the head gives for ${this.queryLabel()}.`}strongestText(){let t=this.steps?this.rowOf(this.steps.weights):new Float32Array(1),e=t.indexOf(Math.max(...t));return`query ${this.queryLabel()}: most on ${this.keyLabel(this.places[e])}, ${L(t[e])}`}keyText(){let e=this.stages.slice(0,this.stage+1).map(({name:n,values:o})=>`${n} ${_(this.rowOf(o)[this.column])}`);return`key ${this.keyLabel()}: ${e.join(", ")}`}showQueries(){let{tokens:t,special:e}=this.rowAxis,n=new Set(this.app.store.state.special==="shown"?[]:e),o=this.queries.querySelectorAll("button"),s=this.whole?0:Math.max(0,Math.min(this.query-zr,this.info.queries-2*zr-1)),i=this.whole?this.info.queries:Math.min(this.info.queries,s+2*zr+1),a=t.slice(s,i).map(h=>S(h,Ur));if(!(o.length===a.length&&a.every((h,u)=>o[u].textContent===h))||Number(o[0]?.dataset.at)!==s){let h=a.map((p,m)=>{let d=M(p,`query ${s+m}`,()=>this.app.store.set({query:s+m}));return d.dataset.at=String(s+m),d}),u=this.whole?"":`, ${s}\u2013${i-1} of ${this.info.queries}`;this.queries.replaceChildren(b("span","steps-title",`query (${this.rowAxis.title}${u})`),...h)}let c=[...this.queries.querySelectorAll("button")];for(let h of c){let u=Number(h.dataset.at);h.setAttribute("aria-pressed",String(u===this.query)),h.classList.toggle("dimmed",n.has(u))}c.some(h=>dt(h))||this.reach(c[this.query-s])}get extras(){let t={name:"sink",of:s=>s.sink?.(this.row)??null},e={name:"\u03A3",of:s=>s.sum?.(this.row)??null},n=this.info.keys-this.places.length,o={name:`+ ${$(n)} others`,of:s=>s.others?.(this.row)??null};return[...n>0?[o]:[],...this.steps?.sink==null?[]:[t],e]}stageTable(){let t=b("table","steps-table"),{special:e,unit:n}=this.app.store.state,o=e==="hidden"||n!=="tokens"?"; each token by itself, and none is hidden":"";t.createCaption().textContent=`${O(this.info,[this.head])}: query ${this.queryLabel()}${o}`;let s=new Set(e==="shown"?[]:this.columnAxis.special),i=t.createTHead().insertRow();i.append(pt("stage","col"));for(let l of this.places){let c=pt("","col"),h=M(this.keyLabel(l),"",()=>this.app.store.set({key:l}));h.setAttribute("aria-pressed",String(l===this.key)),h.classList.toggle("dimmed",s.has(l)),h.tabIndex=-1,c.append(h),i.append(c)}for(let{name:l}of this.extras)i.append(pt(l,"col"));let a=t.createTBody();return this.stages.slice(0,this.stage+1).forEach((l,c)=>{let h=a.insertRow();c===this.stage&&(h.className="current");let u=pt("","row");u.append(b("span","steps-name",l.name),qr(l.formula));let p=l.weights?1:Z(l.values);h.append(u,...Array.from(this.rowOf(l.values),m=>Hr(m,p,this.app.palette)));for(let{of:m}of this.extras){let d=m(l);h.append(b("td","steps-sum",d===null?"":_(d)))}h.cells[this.column+1].classList.add("chosen")}),t}outputTable({value:t,valueDim:e,output:n}){if(!t||!n)throw new Error("expected values with the output, got none");let o=this.rowOf(this.steps?.weights??new Float32Array),s=Z(t),i=Array.from(o,(c,h)=>({name:`${L(c)} \xB7 ${this.keyLabel(this.places[h])}`,values:t.subarray(h*e,(h+1)*e).map(u=>c*u),largest:s})),a=n.subarray(this.row*e,(this.row+1)*e),l=gn(`Each key's value times its weight; their sum is the output for ${this.queryLabel()}`,"weight \xB7 key",[...i,{name:"output",values:a,largest:s}],null,this.app.palette);return l.tBodies[0].rows[i.length].className="current",l.tBodies[0].rows[i.length].cells[0].append(" ",qr(["=",["munder","\u03A3","j"],rt("w","j"),rt("v","j")])),l}async table(t=!1){await this.arrived();let{extras:e}=this,n=t?Kn:_,o=s=>s===null?"":n(s);return{caption:`${O(this.info,[this.head])}: query ${this.queryLabel()}, stage by stage`,columns:["stage",...this.places.map(s=>this.keyLabel(s)),...e.map(s=>s.name)],rows:this.stages.slice(0,this.stage+1).map(s=>[`${s.name}: ${s.plain}`,...Array.from(this.rowOf(s.values),n),...e.map(({of:i})=>o(i(s)))])}}async svg(){return await this.arrived(),Ji({title:`${S(this.app.manifest.title,120)} \u2013 ${O(this.info,[this.head])}: query ${this.queryLabel()}`,stages:this.stages.slice(0,this.stage+1),query:this.row,labels:this.places.map(t=>this.keyLabel(t)),extras:this.extras,palette:this.app.palette})}build(t){let e=b("div","steps-bar");e.append(M("First","only the first stage",()=>this.go(0)),this.back,this.next,M("All","all stages",()=>this.go(this.lastStage)),this.sentence),this.queries.setAttribute("role","toolbar"),this.queries.setAttribute("aria-label","query"),this.product.append(this.summary,this.productBody);for(let[n,o]of[["stages",this.stageHolder],["dot product",this.productBody],["output",this.output]])o.tabIndex=0,o.setAttribute("role","region"),o.setAttribute("aria-label",n);this.figures.setAttribute("role","group"),this.figures.setAttribute("aria-label","each stage for all queries"),this.element.append(this.queries,e,this.stageHolder,this.product,this.output,this.figures),t.append(this.element)}};var ta={name:"steps",title:"Steps",styles:Wi,keys:[["j, k","next or previous stage"],["\u2191 \u2193","previous or next query"],["\u2190 \u2192","previous or next key"],["o","open the dot product of the query and the key"]],settings:["special","rowAxis"],about:"Steps: how one row of the map is computed, number by number, from the product of queries and keys to the weights.",meaning:({row:r})=>`How one row, ${r}, is computed: stage by stage, a number for each key.`,unavailable:(r,t)=>{let e=r.maps[t.map];return e?e.steps?null:e.withoutSteps??"this map is kept as weights, without the queries and keys that made them":"there is no map"},mount:(r,t)=>new bn(r,t)};var ea=`.text {
  display: flex;
  flex-direction: column;
  height: 100%;
  min-height: 0;
}
.text-controls {
  display: flex;
  flex-wrap: wrap;
  gap: 0.4rem 1rem;
  align-items: center;
  padding: 0.4rem 0.8rem;
  font-size: 0.85rem;
}
.text-stage {
  flex: 1;
  min-height: 0;
  overflow: auto;
  padding: 0.2rem 0.8rem;
}
.text-stage:focus-visible {
  outline: 2px solid var(--accent);
  outline-offset: -2px;
}
.text-stage h2 {
  margin: 0.4rem 0 0.2rem;
  font-size: 0.75rem;
  font-weight: 500;
  color: var(--dimmed);
}
.text-stage p {
  margin: 0 0 0.8rem;
  font-size: clamp(16px, 2.2cqw, 22px);
  line-height: 2;
  max-width: 70rem;
  overflow-wrap: anywhere;
  /* Each line of the text has the direction of its first letter. */
  unicode-bidi: plaintext;
}
/* In the line, not boxes of their own: the letters of the whole text say in which order tokens stand. */
.text-token {
  padding: 0.12em 0.18em;
  margin: 0 0.05em;
  border-radius: 0.25em;
  box-decoration-break: clone;
  -webkit-box-decoration-break: clone;
  cursor: pointer;
}
.text-token[dir],
.text-token .code {
  unicode-bidi: isolate;
}
.text-token .mark {
  opacity: 0.45;
}
.text-token.special {
  color: var(--dimmed);
}
.text-token.chosen {
  outline: 2px solid var(--accent);
}
.text-token.found {
  text-decoration: underline 3px var(--accent);
  text-underline-offset: 0.2em;
}
.text-token.pinned:not(.chosen) {
  outline: 2px dotted var(--accent);
}
`;var Vh=3e3;function na(r,t,e){let n=r.getBoundingClientRect(),o=Math.max(320,n.width),s=[...r.querySelectorAll("h2, .text-token")].slice(0,Vh),a=(s[s.length-1]?.getBoundingClientRect().bottom??n.top)-n.top+r.scrollTop+44,l=P("svg",{width:o,height:a,viewBox:`0 0 ${o} ${a}`});l.append(P("rect",{width:o,height:a,fill:e.background}));for(let h of s){let u=h.tagName==="H2",p=u||h.classList.contains("special"),m=d=>({x:d.left-n.left+r.scrollLeft,y:d.top-n.top+r.scrollTop});for(let d of h.getClientRects()){let f={...m(d),width:d.width,height:d.height,rx:4};h.style.background&&l.append(P("rect",{...f,fill:h.style.background})),h.classList.contains("chosen")&&l.append(P("rect",{...f,fill:"none",stroke:e.accent}))}for(let{text:d,box:f,quiet:g}of _h(h)){let{x:y,y:w}=m(f),x=P("text",{x:u?y:y+f.width/2,y:w+f.height/2,"dominant-baseline":"central","text-anchor":u?"start":"middle","font-family":"system-ui, sans-serif","font-size":u?12:16,fill:h.style.color||(p?e.dimmed:e.text),...g?{"fill-opacity":.45}:{}});x.textContent=d,l.append(x)}}let c=P("text",{x:12,y:a-12,"font-family":"system-ui, sans-serif","font-size":12,fill:e.dimmed});return c.textContent=t,l.append(c),new XMLSerializer().serializeToString(l)}function*_h(r){let t=document.createTreeWalker(r,NodeFilter.SHOW_TEXT),e=document.createRange();for(let n=t.nextNode();n;n=t.nextNode()){e.selectNodeContents(n);let o=n.parentElement?.classList.contains("mark")??!1;yield{text:n.textContent??"",box:e.getBoundingClientRect(),quiet:o}}}var Dh=new RegExp(`(${["[\u2581\u2192\u240D\u237D\u2423]+","\u21B5","\u27E8[0-9A-F]{2,5}\u27E9","^##"].join("|")})`);function ra(r,t,e){if(e){r.dir="ltr",r.textContent=t;return}for(let[n,o]of t.split(Dh).entries())if(o!=="")if(n%2===0)r.append(o);else{let s=b("span",o.startsWith("\u27E8")?"code":"mark",o);o.startsWith("\u27E8")&&(s.dir="ltr"),r.append(s),o==="\u21B5"&&r.append(document.createElement("br"))}}function oa(r,t){return r.startsWith("\u21B5")?[]:[t&&!r.startsWith("\u2581")?" ":document.createElement("wbr")]}var bt=1500,sa={name:"text",title:"Text",styles:ea,keys:[["\u2190 \u2192","previous or next token"],["\u2191 \u2193","the other text, where there are two"],["Enter","hold the token, let it go"],["d","what it attends to, or what attends to it"],["PageUp PageDown","another part of a long text"]],settings:["unit","pair","special","renormalise","rowAxis","scale"],about:"Text: the running text. Choose a word, and the others are coloured by how much it looks at them, or they at it.",meaning:({unit:r,stronger:t})=>`Choose a ${r}: the ${t} another is coloured, the more of its attention goes there, or comes from there.`,unavailable:()=>null,mount:(r,t)=>new Gr(r,t)},Gr=class{constructor(t,e){this.app=e;this.pointed=new gt(e.store),this.frame.className="text",this.stage.className="text-stage",this.stage.tabIndex=0;let n=document.createElement("div");n.className="text-controls";let o=document.createElement("span");o.setAttribute("role","radiogroup"),o.setAttribute("aria-label","direction");let s=`direction-${Math.random().toString(36).slice(2)}`,i=(a,l)=>{let c=document.createElement("label"),h=document.createElement("input");return Object.assign(h,{type:"radio",name:s,value:a}),h.addEventListener("change",()=>this.app.store.set({direction:a})),c.append(h,` ${l} `),o.append(c),h};this.directions={from:i("from","what it attends to"),to:i("to","what attends to it")},n.append(o,this.pages),this.frame.append(n,this.stage),t.append(this.frame),this.stage.addEventListener("pointerover",a=>this.point(a,!1)),this.stage.addEventListener("pointerleave",()=>{this.pointed.leave()}),this.stage.addEventListener("click",a=>this.point(a,!0)),this.shown=U(e.manifest,e.store.state),this.stop=e.store.subscribe((a,l)=>{["map","unit","special","rowAxis","pair","viewport"].some(h=>l.has(h))?this.write():this.read()}),this.write()}app;frame=document.createElement("div");stage=document.createElement("div");said="";pages=document.createElement("span");directions;pointed;stop;asking=new AbortController;shown;reading=null;tokens={query:new Map,key:new Map};destroy(){this.asking.abort(),this.stop(),this.frame.remove()}redraw(){this.colour()}contentHeight(){let{firstElementChild:t,lastElementChild:e}=this.stage,n=t&&e?e.getBoundingClientRect().bottom-t.getBoundingClientRect().top:0;return this.frame.clientHeight-this.stage.clientHeight+Math.ceil(n)+24}get one(){return this.shown.info.rowAxes.includes(this.shown.info.columnAxis)}unitsOf(t){return t==="key"||this.one?this.shown.columns:this.shown.rows}page(t){let e=this.unitsOf(t),n=this.app.store.state.viewport,o=n?t==="query"&&!this.one?n.top:n.left:0,s=Math.floor(Math.max(0,Math.min(o,e.count-1))/bt)*bt;return[s,Math.min(s+bt,e.count)]}write(){let{state:t}=this.app.store;this.shown=U(this.app.manifest,t),this.tokens={query:new Map,key:new Map};let e=this.one?["key"]:["key","query"];this.stage.replaceChildren(...e.flatMap(n=>{let o=this.unitsOf(n),[s,i]=this.page(n),a=document.createElement("h2");a.textContent=o.axis.title+(i-s<o.count?` ${$(s)} to ${$(i-1)} of ${$(o.count)}`:"");let l=document.createElement("p");l.dir="auto";let c=new Set(o.axis.words);for(let h=s;h<i;h++){let u=document.createElement("span"),p=o.special(h);u.className=`text-token${t.special==="dimmed"&&p?" special":""}`;let m=S(o.label(h),200);ra(u,m,p),u.dataset.side=n,u.dataset.unit=String(h),this.tokens[n].set(h,u),h>s&&l.append(...oa(m,c.has(o.start(h)))),l.append(u)}return[a,l]})),this.writePages(),this.read()}writePages(){let t=Math.max(this.shown.rows.count,this.shown.columns.count);if(this.pages.replaceChildren(),!(t<=bt))for(let[e,n]of[["\u25C0 earlier",-1],["later \u25B6",1]]){let o=document.createElement("button");o.type="button",o.textContent=e,o.addEventListener("click",()=>this.turn(n)),this.pages.append(o," ")}}turn(t){let e=a=>{let l=this.unitsOf(a),[c]=this.page(a),h=Math.max(0,Math.min(c+t*bt,Math.floor((l.count-1)/bt)*bt));return[h,Math.min(h+bt,l.count)]},[n,o]=e("key"),[s,i]=this.one?[n,o]:e("query");this.app.store.set({viewport:{top:s,bottom:i,left:n,right:o}})}chosen(){let{state:t}=this.app.store,e=t.direction==="from"?"query":"key",n=e==="query"?"key":"query",o=t[e]===null&&t[n]!==null?n:e,s=t[o];if(s===null)return null;let i=this.unitsOf(o).unitOf(s);return i<0?null:{side:o,unit:i,place:this.one?"key":o}}async read(){let{state:t}=this.app.store;this.directions[t.direction].checked=!0,this.asking.abort();let e=this.chosen();if(!e){this.reading=null,this.colour();return}this.asking=new AbortController;let{signal:n}=this.asking,o=e.side==="query"?"key":"query",[s,i]=this.page(o),a=(h,u,p)=>this.unitsOf(h).cells(u,p,p-u),l=a(e.side,e.unit,e.unit+1),c=a(o,s,i);try{let h=await this.app.source.region({map:t.map,heads:t.heads,rows:e.side==="query"?l:c,columns:e.side==="query"?c:l,how:Rt(t),hideSpecial:t.special==="hidden",rowAxis:B(this.shown.info,t),renormalise:t.special==="hidden"&&t.renormalise,sample:0},n);if(n.aborted)return;this.reading={side:o,first:s,weights:h.values},this.colour()}catch(h){n.aborted||this.app.fail(h)}}colour(){let t=this.chosen(),e=this.reading&&(this.one?"key":this.reading.side),n=this.reading?.weights??new Float32Array,{scale:o}=this.app.store.state,s={name:o==="auto"?"linear":o,top:1,signed:!this.shown.info.probabilities},i=Ht(n,0,n.length);for(let a of["key","query"])for(let[l,c]of this.tokens[a]){c.classList.toggle("chosen",t!==null&&t.place===a&&t.unit===l);let h=e===a&&this.reading?this.reading.weights[l-this.reading.first]??0:0,u=st(h,s.signed?{...s,top:i}:s,i);c.style.background=u===0?"":X(u,this.app.palette),c.style.color=u===0?"":ft(u,this.app.palette);let p=this.unitsOf(a).spelling(l);c.title=e===a&&this.reading?`${L(h)} \xB7 ${p}`:p}this.mark(),this.said=this.sentence(),this.app.describe(this.said)}mark(){let{found:t,pins:e}=Qe(this.app,this.shown),n={found:{query:new Set,key:new Set},pinned:{query:new Set,key:new Set}},o={query:this.one?[]:t.rows,key:t.columns};for(let s of["query","key"])for(let[i,a]of o[s])for(let l=i;l<a;l++)n.found[s].add(l);for(let{row:s,column:i}of e)s!==null&&n.pinned[this.one?"key":"query"].add(this.one?this.columnOf(s):s),i!==null&&n.pinned.key.add(i);for(let s of["query","key"])for(let[i,a]of this.tokens[s])a.classList.toggle("found",n.found[s].has(i)),a.classList.toggle("pinned",n.pinned[s].has(i))}columnOf(t){let{rows:e,columns:n,info:o}=this.shown,[s,i]=[e.axis,n.axis],a=s===i||o.rowAxes.length<2||s.title===i.title?0:1;return n.unitOf(e.start(t)+a)}strongest(){if(!this.reading)return[];let{side:t,first:e,weights:n}=this.reading,o=this.unitsOf(t);return[...n].map((s,i)=>({label:S(o.label(e+i)),weight:s,unit:e+i})).filter(({weight:s})=>s!==0).sort((s,i)=>Math.abs(i.weight)-Math.abs(s.weight))}sentence(){let{state:t}=this.app.store,e=O(this.shown.info,t.heads),n=this.chosen();if(!n||!this.reading)return`${e}: point at a token, or go to one with the arrow keys`;let o=j(S(this.unitsOf(n.side).label(n.unit))),s=this.strongest().slice(0,6),i=n.side==="query"?"attends to":"is attended by";return`${e}: ${o} ${i} ${s.map(a=>`${j(a.label)} ${L(a.weight)}`).join(", ")||"nothing here"}`}choose(t,e,n,o=!1){let{state:s}=this.app.store,i=this.one?s.direction==="from"?"query":"key":e,a=this.unitsOf(i).start(t),l={query:i==="query"?a:null,key:i==="key"?a:null,direction:i==="query"?"from":"to"};o?this.pointed.over(l):(this.pointed.keep(),this.app.store.set({...l,pinned:n}))}point(t,e){let n=t.target instanceof Element?t.target.closest("[data-unit]"):null;n&&(e||!this.app.store.state.pinned)?this.choose(Number(n.dataset.unit),n.dataset.side,e,!e):e&&!n&&this.app.store.set({pinned:!1,query:null,key:null})}keydown(t){let{state:e}=this.app.store,n=this.chosen(),o=n?.place??"key",s=this.tokens[o].values().next().value?.closest("p")?.matches(":dir(rtl)")?-1:1,i={ArrowLeft:-s,ArrowRight:s}[t.key];if(i!==void 0||(t.key==="ArrowUp"||t.key==="ArrowDown")&&!this.one){let a=i!==void 0?o:o==="key"?"query":"key",[l,c]=this.page(a),h=n?n.unit+(i??0):l,u=Math.max(l,Math.min(c-1,h));c>l&&this.choose(u,a,e.pinned),this.tokens[a].get(u)?.scrollIntoView({block:"nearest"}),this.read().then(()=>this.app.say(this.said))}else if(t.key==="d"&&this.one){let a=e.query??e.key,l=e.direction==="from"?"to":"from";this.app.store.set({direction:l,query:l==="from"?a:null,key:l==="to"?a:null})}else if(t.key==="Enter")this.app.store.set({pinned:!e.pinned});else if(t.key==="Escape")this.app.store.set({pinned:!1,query:null,key:null});else if(t.key==="PageUp"||t.key==="PageDown")this.turn(t.key==="PageUp"?-1:1);else return!1;return!0}async table(t=!1){let e=ot(t),n=this.reading?.side==="query"?this.shown.rows:this.shown.columns;return{caption:this.sentence(),columns:["position",n.axis.title,Rt(this.app.store.state)==="mass"?"mass":"weight"],rows:this.strongest().slice(0,300).map(({label:o,weight:s,unit:i})=>[String(i),o,e(s)])}}async svg(){return na(this.stage,this.said,this.app.palette)}};var q=[Oi,gs,ji,sa,ta,Ts];var jh={"source tokens":r=>`a ${r} of the source`,"tokens consumed":r=>`a ${r} that the model had read`,"tokens produced":r=>`a ${r} that the model wrote`,tokens:r=>`a ${r} of the text`,queries:()=>"a query",keys:()=>"a key"};function ia({manifest:r,store:t,palette:e}){let{state:n}=t,{info:o,rows:s,columns:i}=U(r,n),a=[s,i].some(({axis:h})=>at(h,n.unit))?n.unit.slice(0,-1):"token",l=h=>jh[h]?.(a)??`one of the ${h}`,c=r.axes[o.rowAxes[B(o,n)]].title==="tokens produced";return{row:l(s.axis.title),column:s.axis.title===i.axis.title||o.kind==="decoder"?`the ${a} of that column`:l(i.axis.title),purpose:c?" to write it":"",stronger:e.name==="dark"?"brighter":"darker",unit:a,signed:!o.probabilities}}var aa={name:"meaning",styles:"",mount(r,t){let e=b("p","meaning-where"),n=b("p","meaning-said");r.append(e,n);let o=()=>{let{state:s}=t.store,i=q.find(({name:a})=>a===s.view)??q[0];e.textContent=O(t.manifest.maps[s.map],s.heads),n.textContent=i.meaning(ia(t))};return o(),{update(s){let i=["view","map","heads","unit","rowAxis"];(s.size===0||i.some(a=>s.has(a)))&&o()},destroy:()=>{}}}};var la=`.reader-partners ol {
  margin: 0 0 6px;
  padding: 0;
  list-style: none;
}
.viewer .reader-partners li button {
  display: grid;
  grid-template-columns: minmax(0, 1fr) 56px 52px;
  gap: 8px;
  align-items: center;
  width: 100%;
  min-height: 24px;
  padding: 1px 4px;
  border-color: transparent;
  text-align: start;
}
.viewer .reader-partners li button:hover {
  border-color: var(--frame);
}
.reader-partners .partner-name {
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
  unicode-bidi: isolate;
}
.reader-partners .partner-bar {
  height: 8px;
  border: 1px solid var(--frame);
  border-radius: 2px;
}
.reader-partners .partner-bar i {
  display: block;
  height: 100%;
  background: var(--text);
}
.reader-partners .partner-weight {
  text-align: end;
  font:
    12px ui-monospace,
    monospace;
}
`;var Kh=65536,[Yh,Xh]=[4096,1<<19];function Vr(r,t){let e=r.maps[t.map];return e.rowAxes[B(e,t)]===e.columnAxis?0:e.rowAxes.includes(e.columnAxis)?1:null}var yn=class{constructor(t){this.app=t}app;subject="";whole=null;known(){return this.whole!==null&&this.subject===this.subjectOf()}async read(t){let{manifest:e,store:n,source:o}=this.app,{state:s}=n,i=U(e,s),[a,l]=[i.rows.count,i.columns.count],{query:c,key:h}=s,u=Vr(e,s);u!==null&&h===null&&c!==null&&c+u<i.info.keys?h=c+u:u!==null&&c===null&&h!==null&&h>=u&&(c=h-u);let p=c===null?-1:i.rows.unitOf(c),m=h===null?-1:i.columns.unitOf(h),d={shown:i,query:p<0?null:c,key:m<0?null:h,ofQuery:null,ofKey:null,left:""};if(p<0&&m<0)return d;if(a*l<=Kh){if(!this.known()){let y=this.subjectOf(),w=await o.region(ct(s,i,[0,a],[0,l]),t);if(t.aborted)return d;this.whole=w.values,this.subject=y}let g=this.whole;return p>=0&&(d.ofQuery=g.subarray(p*l,(p+1)*l)),m>=0&&(d.ofKey=Float32Array.from({length:a},(y,w)=>g[w*l+m])),d}let f=async(g,y)=>(await o.region(ct(s,i,g,y),t)).values;return p>=0&&l<=Xh&&(d.ofQuery=await f([p,p+1],[0,l])),m>=0&&!t.aborted&&(a<=Yh?d.ofKey=await f([0,a],[m,m+1]):s.query===null&&(d.left=`Who looks at it is not looked for among ${$(a)} rows; zoom into the map to see them.`)),d}subjectOf(){let{map:t,heads:e,unit:n,special:o,renormalise:s,rowAxis:i}=this.app.store.state;return JSON.stringify([t,e,n,o==="hidden"&&[s],i])}};var ca=6,Jh=40,Qh=80,pa={name:"partners",styles:la,mount(r,t){let e=new yn(t),n,o=new AbortController,s=async()=>{o.abort(),o=new AbortController;let{signal:i}=o;try{let a=await e.read(i);i.aborted||Zh(r,t,a)}catch(a){i.aborted||t.fail(a)}};return s(),{update(i){i.size>0&&[...i].every(a=>a==="view"||a==="viewport")||(clearTimeout(n),n=setTimeout(s,e.known()?0:Qh))},destroy(){clearTimeout(n),o.abort()}}}};function Zh(r,t,{shown:e,query:n,key:o,ofQuery:s,ofKey:i,left:a}){let l=Vr(t.manifest,t.store.state),c=[];(n!==null?e.rows.unitOf(n):o!==null?e.columns.unitOf(o):-1)<0&&c.push(b("p","partners-none","Point at a word, or choose one, to read whom it looks at."));let u=(p,m)=>{let d=b("h3","partners-title",j(S(p.label(m))));d.append(" ",b("small","",`(${$(p.start(m))})`)),d.title=p.spelling(m),c.push(d)};if(n!==null&&s){u(e.rows,e.rows.unitOf(n));let p=m=>l===null?{query:null,key:m}:{query:Math.max(0,m-l),key:null};c.push(b("p","partners-verb","looks at"),ha(t,e.columns,s,p,!0))}o!==null&&i&&((n===null||!s||l===null||n+l!==o)&&u(e.columns,e.columns.unitOf(o)),c.push(b("p","partners-verb","is looked at by"),ha(t,e.rows,i,p=>({query:p,key:null}),!1))),a&&c.push(b("p","partners-left",a)),r.replaceChildren(...c)}function ha(r,t,e,n,o){let s=b("ol"),i=Array.from(e.keys()).filter(h=>e[h]!==0);i.sort((h,u)=>Math.abs(e[u])-Math.abs(e[h])||h-u);let a=i.slice(0,ca),l=Math.max(...a.map(h=>Math.abs(e[h])),Number.MIN_VALUE);for(let h of a){let u=j(S(t.label(h))),p=M("",`${u}, position ${$(t.start(h))}`,()=>r.store.set({...n(t.start(h)),pinned:!1})),m=b("span","partner-bar"),d=b("i");d.style.width=`${(100*Math.abs(e[h])/l).toFixed(1)}%`,m.setAttribute("aria-hidden","true"),m.append(d);let f=b("span","partner-name",u);t.count>Jh&&f.append(" ",b("small","",$(t.start(h)))),p.append(f,m,b("span","partner-weight",ua(e[h])));let g=b("li");g.append(p),s.append(g)}let c=i.slice(ca);if(i.length===0)s.append(b("li","partners-left","nothing"));else if(o&&c.length>0){let h=c.reduce((u,p)=>u+e[p],0);s.append(b("li","partners-left",`and ${$(c.length)} others, ${ua(h)} together`))}return s}function ua(r){return Math.abs(r)<5e-4?"< 0.001":L(r)}var ma=`.reader-pins ul {
  margin: 0;
  padding: 0;
  list-style: none;
}
.reader-pins li {
  display: flex;
  align-items: center;
  gap: 6px;
}
.viewer .pin-go {
  flex: 1;
  min-width: 0;
  overflow: hidden;
  text-align: start;
  text-overflow: ellipsis;
  white-space: nowrap;
  border-color: transparent;
}
.pin-weight {
  font-size: 12px;
  font-variant-numeric: tabular-nums;
  color: var(--dimmed);
}
`;var eu=80,da={name:"pins",styles:ma,mount(r,t){let e=new AbortController,n,o=()=>{e.abort(),e=new AbortController,nu(r,t,e.signal)};return o(),{update(s){s.size>0&&[...s].every(i=>i==="viewport"||i==="view")||(clearTimeout(n),n=setTimeout(o,s.has("pins")?0:eu))},destroy(){clearTimeout(n),e.abort()}}}};function nu(r,t,e){let{store:n}=t,{state:o}=n,s=r.contains(r.getRootNode().activeElement),i=[];if(o.pins.length>0){let l=b("ul");for(let c of o.pins)l.append(ru(t,c,e));i.push(b("h3","","pinned"),l)}let a=Xe(o);if(a&&!o.pins.some(l=>Je(l,a))){let{text:l}=fa(t,a),c=M(`Pin ${l}`,"keep it in this list and marked in the picture (p)",()=>n.set({pins:se(n.state.pins,a)}));c.className="pin-add",i.push(c)}r.hidden=i.length===0,r.replaceChildren(...i),s&&r.querySelector("button")?.focus()}function ru(r,t,e){let{manifest:n,store:o}=r,{text:s,shown:i}=fa(r,t),a=Ut(n,t,o.state.map),l=M(s,a?"look at it":`look at it, in ${O(n.maps[t.map],o.state.heads)}`,()=>o.set(Os(t,o.state,n)));l.className="pin-go";let c=b("span","pin-weight",a?"":"another map"),h=M("\xD7","let it go",()=>o.set({pins:se(o.state.pins,t)}));h.setAttribute("aria-label",`unpin ${s}`);let u=b("li");return u.append(l,c,h),a&&t.query!==null&&t.key!==null&&ou(r,t,i,e).then(p=>{e.aborted||(c.textContent=p===null?"hidden":L(p))},p=>e.aborted||r.fail(p)),u}function fa({manifest:r,store:t},e){let{state:n}=t,o=Ut(r,e,n.map)?n.map:e.map,s=U(r,{...n,map:o}),i=(c,h)=>{let u=c.unitOf(h);return j(S(u<0?c.axis.tokens[h]:c.label(u),24))},a=e.query===null?"":i(s.rows,e.query),l=e.key===null?"":`\u2192 ${i(s.columns,e.key)}`;return{text:[a,l].filter(Boolean).join(" "),shown:s}}async function ou(r,t,e,n){let[o,s]=[e.rows.unitOf(t.query??-1),e.columns.unitOf(t.key??-1)];if(o<0||s<0)return null;let i=ct(r.store.state,e,[o,o+1],[s,s+1]);return(await r.source.region(i,n)).values[0]}var ga=`.reader-statistics dl {
  display: grid;
  grid-template-columns: max-content 1fr;
  gap: 1px 12px;
  margin: 0;
}
.reader-statistics dt {
  color: var(--dimmed);
}
.reader-statistics dd {
  margin: 0;
}
.info {
  display: inline;
}
.info summary {
  display: inline-block;
  width: 16px;
  height: 16px;
  border: 1px solid var(--dimmed);
  border-radius: 8px;
  list-style: none;
  color: var(--dimmed);
  font:
    italic 11px / 14px Georgia,
    serif;
  text-align: center;
  cursor: pointer;
}
.info > span {
  display: block;
  color: var(--dimmed);
}
.statistics-more summary {
  color: var(--dimmed);
  cursor: pointer;
}
`;var ba=["entropy","distance","own","previous","first"],ya={name:"statistics",styles:ga,mount(r,t){let e=()=>{let{map:o,heads:s}=t.store.state,{statistics:i}=t.manifest.maps[o],a=Object.keys(i);r.hidden=a.length===0;let l=b("h3","",s.length===1?`head ${s[0]} in numbers`:"the chosen heads, on average"),c=a.filter(p=>ba.includes(p)),h=a.filter(p=>!ba.includes(p)),u=b("details","statistics-more");u.append(b("summary","",`${h.length} more`),n(h)),r.replaceChildren(l,n(c),...h.length>0?[u]:[])},n=o=>{let{map:s,heads:i}=t.store.state,{statistics:a,keys:l}=t.manifest.maps[s],c=b("dl");for(let h of o){let u=i.map(y=>a[h][y]),p=u.reduce((y,w)=>y+w,0)/u.length,{quantity:m,meaning:d}=t.manifest.definitions[h]??{quantity:"",meaning:""},f=b("dt","",h.replaceAll("_"," ")),g=b("dd");g.append(`${L(p)}${iu[m]??""}${h==="entropy"?` ${au(p,l)}`:""} `),d&&g.append(lu(h,d)),c.append(f,g)}return c};return e(),{update(o){(o.size===0||o.has("map")||o.has("heads"))&&e()},destroy:()=>{}}}},iu={nats:" nats",keys:" keys"};function au(r,t){let e=t>1?r/Math.log(t):0;return e<.25?"(sharp)":e<.7?"(in between)":"(spread out)"}function lu(r,t){let e=b("details","info"),n=b("summary","","i");return n.setAttribute("aria-label",`what ${r} is`),e.append(n,b("span","",t)),e}var be=[aa,pa,da,ya];var wa=`.sheet {
  display: none;
}

@media print {
  .viewer.has-sheet {
    display: block;
    min-height: 0;
    overflow: visible;
    border: 0;
    background: white;
    color: black;
  }
  .viewer.has-sheet > :not(.sheet) {
    display: none;
  }
  .viewer.has-sheet > .sheet {
    display: block;
  }
  .sheet svg {
    display: block;
    max-width: 100%;
    max-height: 86vh;
    width: auto;
    height: auto;
    break-inside: avoid;
  }
  .sheet p {
    margin: 0.4em 0;
    font-size: 9pt;
    line-height: 1.4;
  }
}
`;var va=`:host {
  display: block;
}
.viewer {
  all: initial;
  display: flex;
  flex-direction: column;
  box-sizing: border-box;
  height: 100%;
  min-height: 0;
  overflow: hidden;
  color: var(--text);
  background: var(--background);
  container-type: size;
  font:
    14px / 1.4 system-ui,
    sans-serif;
}
.viewer.page {
  height: 100dvh;
}
.viewer.widget {
  min-height: 200px;
  resize: vertical;
  border: 1px solid var(--frame);
  border-radius: 6px;
}
.viewer *,
.viewer *::before {
  box-sizing: border-box;
}
.viewer button {
  cursor: pointer;
}
.viewer :where(button, select, input[type="number"]) {
  padding: 3px 8px;
  color: var(--text);
  background: var(--background);
  border: 1px solid var(--frame);
  border-radius: 4px;
}
.choice,
.tick {
  display: inline-flex;
  align-items: center;
  gap: 6px;
  min-width: 0;
  font-size: 13px;
  color: var(--dimmed);
}
.viewer :is(button, select, input) {
  font: inherit;
  font-size: 13px;
}
.choice select {
  min-width: 0;
  max-width: 260px;
}
.viewer :is(select, button):disabled {
  color: var(--dimmed);
  cursor: default;
}
.viewer input {
  accent-color: var(--accent);
}
.viewer :focus-visible {
  outline: 2px solid var(--accent);
  outline-offset: 1px;
}
.bar {
  position: relative;
  z-index: 2;
  display: flex;
  flex: none;
  align-items: center;
  gap: 8px;
  height: 40px;
  padding: 0 8px;
  border-bottom: 1px solid var(--frame);
}
.map-choice {
  display: flex;
  flex: 0 1 auto;
  gap: 6px;
  min-width: 96px;
}
.map-choice .choice > span {
  position: absolute;
  width: 1px;
  height: 1px;
  overflow: hidden;
  clip-path: inset(50%);
}
.fold {
  display: flex;
  flex: none;
  min-width: 0;
}
.fold-heads {
  flex: 0 1 auto;
}
.fold-views {
  flex: 0 0 auto;
}
.fold > button {
  display: none;
  flex: none;
  min-height: 28px;
  white-space: nowrap;
}
.bar-find:empty,
.bar-compare:empty {
  display: none;
}
.bar-find,
.bar-compare {
  display: flex;
  flex: none;
}
.menu {
  margin-left: auto;
}
.menu > button {
  display: block;
  min-width: 32px;
  font-weight: 700;
}
.menu > .folded {
  display: none;
}
.fold[data-open] > .folded.menu-content,
.fold[data-open] > .folded {
  display: flex;
}
.menu-content {
  position: absolute;
  top: 39px;
  right: 4px;
  flex-direction: column;
  gap: 10px;
  width: min(340px, calc(100% - 8px));
  max-height: calc(100cqh - 44px);
  padding: 12px;
  overflow: auto;
  background: var(--background);
  border: 1px solid var(--frame);
  border-radius: 6px;
  box-shadow: 0 4px 16px rgb(0 0 0 / 18%);
}
.settings {
  display: flex;
  flex-direction: column;
  gap: 6px;
}
.settings .choice {
  display: grid;
  grid-template-columns: 1fr 1.3fr;
}
.menu-absent {
  margin: 0;
  font-size: 12px;
  color: var(--dimmed);
}
.head-strip {
  display: flex;
  align-items: center;
  gap: 2px;
  min-width: 0;
  overflow-x: auto;
  scrollbar-width: none;
}
.head-strip button {
  display: flex;
  flex: none;
  align-items: center;
  justify-content: center;
  gap: 3px;
  min-width: 26px;
  height: 28px;
  padding: 2px 3px;
  font:
    11px / 1 ui-monospace,
    monospace;
}
.head-strip canvas {
  width: 20px;
  height: 20px;
}
.head-strip button[aria-pressed="true"] {
  border-color: var(--accent);
  box-shadow: inset 0 0 0 1px var(--accent);
}
.tabs {
  display: flex;
  min-width: 0;
}
.tabs [role="tab"] {
  flex: none;
  height: 39px;
  padding: 0 9px;
  border: 0;
  border-bottom: 3px solid transparent;
  border-radius: 0;
}
.tabs [role="tab"][aria-selected="true"] {
  border-bottom-color: var(--accent);
  font-weight: 600;
}
.tabs [role="tab"]:focus-visible {
  outline-offset: -3px;
}
.errors {
  flex: none;
}
.error {
  display: flex;
  align-items: center;
  justify-content: space-between;
  gap: 12px;
  padding: 5px 12px;
  border-left: 4px solid var(--accent);
  border-bottom: 1px solid var(--frame);
  overflow-wrap: anywhere;
}
.error button {
  flex: none;
}
.body {
  display: flex;
  flex: 1 1 auto;
  min-height: 0;
}
.stage {
  position: relative;
  display: flex;
  flex: 1 1 auto;
  flex-direction: column;
  min-width: 0;
  min-height: 0;
}
.panel {
  flex: 1 1 0;
  min-height: 0;
  overflow: hidden;
}
.table-panel {
  flex: 0 1 45%;
  display: flex;
  flex-direction: column;
  align-items: flex-start;
  gap: 4px;
  min-height: 0;
  padding: 6px 12px;
  border-top: 1px solid var(--frame);
}
.table-holder {
  align-self: stretch;
  min-height: 0;
  overflow: auto;
}
.table-holder table {
  border-collapse: collapse;
  font:
    12px / 1.4 ui-monospace,
    monospace;
}
.table-holder caption {
  text-align: left;
  padding-bottom: 4px;
  font:
    13px / 1.4 system-ui,
    sans-serif;
  color: var(--dimmed);
}
.table-holder :is(th, td) {
  padding: 1px 8px;
  text-align: left;
  border-bottom: 1px solid var(--frame);
  font-weight: 400;
  white-space: nowrap;
  unicode-bidi: isolate;
}
.table-holder thead th {
  position: sticky;
  top: 0;
  font-weight: 600;
  background: var(--background);
}
.reader {
  display: flex;
  flex: none;
  flex-direction: column;
  width: clamp(200px, 27%, 400px);
  min-height: 0;
  border-left: 1px solid var(--frame);
  font-size: 13px;
}
.reader-expand {
  display: none;
}
.reader-parts {
  display: flex;
  flex: 1 1 auto;
  flex-direction: column;
  gap: 10px;
  min-height: 0;
  padding: 10px 12px;
  overflow: auto;
}
.reader-parts > section {
  min-width: 0;
  padding-top: 8px;
  border-top: 1px solid var(--frame);
}
.reader-parts :is(h1, h2, h3, p) {
  margin: 0;
  overflow-wrap: anywhere;
}
.reader-parts h3 {
  font-size: 13px;
  font-weight: 600;
}
.reader-parts small,
.meaning-where,
.partners-verb,
.partners-left,
.partners-none {
  font-size: 12px;
  color: var(--dimmed);
}
.title {
  font-size: 14px;
  font-weight: 600;
}
.meaning-said {
  font-size: 14px;
}
.reader .status {
  order: 2;
  flex: none;
  max-height: 5.6em;
  margin: 0;
  padding: 4px 12px;
  overflow: auto;
  overflow-wrap: anywhere;
  border-top: 1px solid var(--frame);
}
.reader .status:empty {
  padding: 0;
  border: 0;
}
.described,
.notes {
  font-size: 12px;
  color: var(--dimmed);
}
.described {
  padding-top: 8px;
  border-top: 1px solid var(--frame);
}
.described:empty {
  display: none;
}
.buttons {
  display: flex;
  flex-wrap: wrap;
  gap: 4px;
}
.help {
  max-width: 560px;
  padding: 8px 20px 16px;
  color: var(--text);
  background: var(--background);
  border: 1px solid var(--frame);
  border-radius: 8px;
}
.help::backdrop {
  background: rgb(0 0 0 / 45%);
}
.help h2 {
  margin: 10px 0 4px;
  font-size: 14px;
}
.help dl {
  display: grid;
  grid-template-columns: max-content 1fr;
  gap: 3px 14px;
  margin: 0 0 12px;
}
.help dd {
  margin: 0;
}
kbd {
  padding: 0 4px;
  border: 1px solid var(--frame);
  border-radius: 3px;
  font:
    12px ui-monospace,
    monospace;
}
.empty {
  padding: 12px;
  font-family: system-ui, sans-serif;
}
/* Too small for a column: the reader is a drawer below the picture, and what the bar has no room for folds into buttons. */
@container (max-width: 699.98px) or (max-height: 479.98px) {
  .body {
    flex-direction: column;
  }
  .reader {
    position: relative;
    width: auto;
    max-height: 76px;
    border-top: 1px solid var(--frame);
    border-left: 0;
  }
  .reader[data-open] {
    max-height: 60%;
  }
  .reader-expand {
    position: absolute;
    z-index: 1;
    top: 2px;
    right: 4px;
    display: block;
    min-width: 32px;
    min-height: 28px;
  }
  .reader-parts {
    gap: 4px;
    padding: 4px 44px 4px 12px;
  }
  .reader-parts > section {
    padding-top: 2px;
    border: 0;
  }
  .reader-partners {
    order: -1;
  }
  .reader:not([data-open]) .reader-parts {
    overflow: hidden;
  }
  .reader:not([data-open]) .reader-partners {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0 8px;
  }
  .reader:not([data-open]) .reader-partners ol {
    display: contents;
  }
  .reader:not([data-open]) .title {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
  }
  .reader:not([data-open]) .reader-partners :is(.partner-bar, .partners-left, li:nth-child(n + 4), ol ~ *) {
    display: none;
  }
  .viewer .reader:not([data-open]) .reader-partners li button {
    display: flex;
    gap: 4px;
  }
}
@container (max-width: 699.98px) {
  .fold > button {
    display: block;
  }
  .fold > .folded {
    display: none;
    position: absolute;
    top: 39px;
    right: 4px;
    left: 4px;
    flex-wrap: wrap;
    gap: 4px;
    max-height: calc(100cqh - 44px);
    padding: 6px;
    overflow: auto;
    background: var(--background);
    border: 1px solid var(--frame);
    border-radius: 6px;
    box-shadow: 0 4px 16px rgb(0 0 0 / 18%);
  }
  .menu > .folded {
    left: auto;
    padding: 12px;
  }
  .bar {
    gap: 4px;
    padding: 0 4px;
  }
  .map-choice {
    flex: 1 1 0;
    min-width: 60px;
  }
}
.strip-title {
  margin-right: 4px;
  font-size: 13px;
  color: var(--dimmed);
}
.viewer:focus {
  outline: none;
}
/* Fingers are 44 pixels wide. */
@media (pointer: coarse) {
  .bar {
    height: 48px;
  }
  .fold > .folded.folded.folded,
  .menu-content.menu-content.menu-content {
    top: 47px;
  }
  .viewer :is(button, select, summary, [role="tab"], input[type="range"], input[type="number"], label.tick) {
    min-width: 44px;
    min-height: 44px;
  }
  .viewer.viewer .head-strip button,
  .viewer.viewer .reader-partners li button {
    min-height: 44px;
  }
  .viewer input[type="checkbox"],
  .viewer input[type="radio"] {
    width: 24px;
    height: 24px;
  }
  .viewer label:has(input[type="checkbox"], input[type="radio"]) {
    display: inline-flex;
    align-items: center;
    min-height: 44px;
  }
  .viewer .info summary {
    border-radius: 22px;
    line-height: 42px;
  }
  .viewer .bar-end {
    margin: -16px 0 0 -12px;
    padding: 16px 12px;
    box-sizing: content-box;
  }
}
/* Where the system has all colours, what is chosen has a line of its own. */
@media (forced-colors: active) {
  .viewer :is([aria-pressed="true"], [aria-selected="true"], .chosen, .current) {
    outline: 3px solid Highlight;
    outline-offset: -3px;
  }
  .viewer .tabs [role="tab"] {
    border-bottom-color: Canvas;
  }
  .viewer :is(.text-token, .partner-bar i, canvas, svg) {
    forced-color-adjust: none;
  }
}
@media (prefers-reduced-motion: reduce) {
  .viewer * {
    scroll-behavior: auto;
    transition: none;
    animation: none;
  }
}
/* Last, and strong enough to hide what is laid out by the rules above. */
.viewer.viewer.viewer.viewer [hidden] {
  display: none;
}
`;function xa(r,t,e){let[n,o]=[r.maps[t],r.maps[e]];return n.queries===o.queries&&n.keys===o.keys?null:`a difference needs as many rows and columns on both sides, and these are ${n.queries} \xD7 ${n.keys} and ${o.queries} \xD7 ${o.keys}; look at them beside each other`}function ka(r,t,e){let{manifest:n}=r,o=n.maps.length,[s,i]=[n.maps[t.map],n.maps[e.map]],a={...s,name:`${O(s,t.heads)}, less ${O(i,e.heads)}`,of:null,layer:null,kind:"map",heads:1,probabilities:!1,steps:!1,error:s.error+i.error,statistics:{}},l={...n,maps:[...n.maps,a]},c=uu(r.store,l,o),{source:h}=r,u=async m=>Promise.all([m(t),m(e)]),p={...h,async region(m,d){if(m.map!==o)return h.region(m,d);let f=({map:w,heads:x})=>h.region({...m,map:w,heads:x,rowAxis:0},d),[g,y]=await u(f);return pu(g,y)},async margins(m,d){if(m.map!==o)return h.margins(m,d);let[f,g]=await u(({map:w,heads:x})=>h.margins({...m,map:w,heads:x,rowAxis:0},d));return{received:wn(f.received,g.received),entropy:wn(f.entropy,g.entropy),sampled:Math.max(f.sampled,g.sampled)}},async overview(m,d){if(m!==o)return h.overview(m,d);let[f,g]=await u(y=>h.overview(y.map,d));return mu(f,g,t.heads,e.heads)},steps:(m,d,f)=>h.steps(m,d,f)};return{manifest:l,source:p,store:c,embedded:r.embedded,get palette(){return r.palette},say:m=>r.say(m),describe:m=>r.describe(m),fail:m=>r.fail(m),stop:()=>c.stop()}}function uu(r,t,e){let n=new Set,o=()=>({...r.state,map:e,heads:[0],rowAxis:B(t.maps[e],r.state),with:null,several:"mean"}),s=o(),i=r.subscribe((a,l)=>{s=o();for(let c of[...n])c(s,l)});return{get state(){return s},set:({map:a,heads:l,...c})=>r.set(c),subscribe(a){return n.add(a),()=>n.delete(a)},stop:i}}function wn(r,t){return r.map((e,n)=>e-t[n])}function pu(r,t){let[e,n]=[Math.max(r.sampled,t.sampled),Math.max(r.every,t.every)];return{rows:r.rows,columns:r.columns,values:wn(r.values,t.values),sampled:e,every:n}}function mu(r,t,e,n){let{rows:o,columns:s}=r,i=(l,c,h)=>{let u=new Float32Array(o*s);if(l.rows!==o||l.columns!==s)return u;for(let p of h)for(let m=0;m<u.length;m++)u[m]+=c[p*u.length+m]/h.length;return u},a=l=>wn(i(r,r[l],e),i(t,t[l],n));return{heads:1,rows:o,columns:s,mean:a("mean"),max:a("max")}}function ye(r){return r.normalize("NFKD").replace(/[\p{M}\u2581\u0120\u00b7\u2423\u2068\u2069]/gu,"").toLowerCase().replaceAll("\xDF","ss").trim()}function _r(r){let t=r.trim().replace(/[\s,_'\u2019]/g,"");return/^\d{1,9}$/.test(t)?Number(t):null}function du(r){let t=r.trim();return(/^["\u201c].*["\u201d]$/.test(t)&&t.length>2?t.slice(1,-1):t).split(/\s+/).map(ye).filter(Boolean)}var Aa=new WeakMap;function*Sa(r,t){let e=r.tokens.length,n=_r(t);if(n!==null){let c=n<e?[gu(r,n)]:[];return{hits:c,count:c.length}}let o=du(t),s=[],i=0;if(o.length===0)return{hits:s,count:i};let a=r.wordTexts??r.tokens,l=Aa.get(r)??[];Aa.set(r,l);for(let c=l.length;c<a.length;c++)l.push(ye(a[c])),c%2e3===0&&(yield);for(let c=0;c+o.length<=l.length;c++)if(c%2e3===0&&(yield),!!fu(l,c,o)&&(i++,s.length<5e3)){let h=c+o.length;s.push({start:r.words?.[c]??c,stop:r.words?r.words[h]??e:h})}return{hits:s,count:i}}function fu(r,t,e){return e.length===1?r[t].includes(e[0]):e.every((n,o)=>{let s=r[t+o];return o===0?s.endsWith(n):o===e.length-1?s.startsWith(n):s===n})}function gu(r,t){let{words:e}=r;if(!e)return{start:t,stop:t+1};let n=0,o=e.length;for(;o-n>1;){let s=n+o>>1;e[s]<=t?n=s:o=s}return{start:e[n],stop:e[n+1]??r.tokens.length}}async function Ma(r,t,e=6){for(;;){if(t.aborted)return null;let n=performance.now()+e;do{let{done:o,value:s}=r.next();if(o)return s}while(performance.now()<n);await new Promise(o=>setTimeout(o,0))}}function Oa(r,t){let e=new Set,n=null,o=a();function s(h){let u=Ea(t,r.state.map,r.state),p=Ea(t,r.state.with?.map??r.state.map,r.state);return h==="first"?{from:u,to:p}:{from:p,to:u}}function i(){let{from:h,to:u}=s("first");return h.rows.tokens.length===u.rows.tokens.length&&h.columns.tokens.length===u.columns.tokens.length}function a(){let h=r.state,u=h.with??{map:h.map,heads:h.heads},{from:p,to:m}=s("first"),d=t.maps[u.map];return{...h,map:u.map,heads:u.heads,rowAxis:B(d,h),query:h.query===null?null:vn(p.rows,m.rows,h.query),key:h.key===null?null:vn(p.columns,m.columns,h.key),viewport:i()?h.viewport:n,pair:i()?h.pair:"all",with:null}}function l(){let h=o;o=a();let u=Object.keys(o),p=new Set(u.filter(m=>JSON.stringify(h[m])!==JSON.stringify(o[m])));if(p.size!==0)for(let m of[...e])m(o,p)}let c=r.subscribe((h,u)=>{((h.with?.map??h.map)!==o.map||u.has("unit")||u.has("special"))&&(n=null),l()});return{get state(){return o},set(h){let{from:u,to:p}=s("second"),m={...h};(h.map!==void 0||h.heads!==void 0)&&(m.with={map:h.map??o.map,heads:h.heads??o.heads},delete m.map,delete m.heads),typeof h.query=="number"&&(m.query=vn(u.rows,p.rows,h.query)),typeof h.key=="number"&&(m.key=vn(u.columns,p.columns,h.key)),h.viewport!==void 0&&!i()&&(n=h.viewport,delete m.viewport),r.set(m),l()},subscribe(h){return e.add(h),()=>e.delete(h)},stop:c}}function Ea(r,t,e){let n=r.maps[t],{axes:o}=r;return{rows:o[n.rowAxes[B(n,e)]],columns:o[n.columnAxis]}}function vn(r,t,e){if(bu(r,t))return e;let n=ye(r.tokens[e]??""),o=La(r).get(n)?.indexOf(e)??-1,s=La(t).get(n);return o<0||!s?null:s[Math.min(o,s.length-1)]}var Ta=new WeakMap;function bu(r,t){if(r===t)return!0;let e=Ta.get(r)??new WeakMap;Ta.set(r,e);let n=e.get(t);return n===void 0&&(n=r.tokens.length===t.tokens.length&&r.tokens.every((o,s)=>o===t.tokens[s]),e.set(t,n)),n}var $a=new WeakMap;function La(r){let t=$a.get(r);if(t)return t;t=new Map;for(let[e,n]of r.tokens.entries()){let o=ye(n),s=t.get(o);s?s.push(e):t.set(o,[e])}return $a.set(r,t),t}var Pa={rows:[],columns:[]},xn=class{constructor(t,e){this.app=t;this.views=e;let{store:n,manifest:o}=t,s=o.maps.map((i,a)=>{let l=o.items.length>1&&i.of===null?`${o.items[i.item]}: `:"";return[String(a),`${l}${O(i,[0]).replace(/, head 0$/,"")}`]});this.map=Q("",s,i=>{let a=Number(i),l=(n.state.with?.heads??n.state.heads).filter(c=>c<o.maps[a].heads);n.set({with:{map:a,heads:l.length>0?l:[0]}})}),this.head=Q("",[],i=>{let a=n.state.with?.map??n.state.map,l=Array.from({length:o.maps[a].heads},(c,h)=>h);n.set({with:{map:a,heads:i==="all"?l:[Number(i)]}})}),this.way=Q("",[["beside","beside"],["difference","A \u2212 B"]],i=>n.set({compare:i}));for(let[{control:i},a]of[[this.map,"the second picture's map"],[this.head,"its head"],[this.way,"beside the first, or taken from it"]])i.setAttribute("aria-label",a);this.bar.append(this.map.label,this.head.label,this.way.label),this.said.setAttribute("role","status"),this.element.append(this.bar,this.panel,this.said),this.element.setAttribute("role","group"),this.element.setAttribute("aria-label","the second picture"),this.update()}app;views;element=b("div","compare-pane");bar=b("div","compare-bar");panel=b("div","compare-panel");said=b("p","compare-said");map;head;way;mounted=null;get view(){return this.mounted?.view??null}update(){let{store:t,manifest:e}=this.app,{state:n}=t;if(this.element.hidden=n.with===null,n.with===null){this.unmount();return}let o=e.maps[n.with.map],s=Array.from({length:o.heads},(i,a)=>[String(a),`head ${a}`]);xt(this.head.control,o.heads>1?[...s,["all",`mean of ${o.heads} heads`]]:s),this.map.control.value=String(n.with.map),this.head.control.value=n.with.heads.length===1?String(n.with.heads[0]):"all",this.way.control.value=n.compare,this.mount(n)}redraw(){this.mounted?.view.redraw()}unmount(){this.mounted?.view.destroy(),this.mounted?.stop(),this.mounted=null,this.panel.replaceChildren(),this.said.textContent=""}mount(t){let{app:e}=this,n=t.compare==="difference",{map:o,heads:s}=t,i=this.views.find(({name:u})=>u===(n?"map":t.view))??this.views[0],a=n?JSON.stringify([o,s,t.with]):`${i.name} ${t.with.map}`;if(this.mounted?.key===a)return;this.unmount();let l=n?xa(e.manifest,o,t.with.map):this.refusal(i,t.with);if(l!==null){this.said.textContent=l;return}let c={describe:u=>{let p=n?`weights of A less those of B \xB7 ${u}`:u;this.said.textContent!==p&&(this.said.textContent=p)}},h=Object.assign(Object.create(e),c);if(n){let u=ka(h,{map:o,heads:[...s]},t.with);this.mounted={key:a,view:i.mount(this.panel,u),stop:()=>u.stop()}}else{let u=Oa(e.store,e.manifest),[p,m]=[e.manifest.maps[o],e.manifest.maps[t.with.map]],d=p.columnAxis===m.columnAxis&&p.rowAxes.join()===m.rowAxes.join(),g=Object.assign(h,{store:u,marked:()=>d?e.marked?.()??Pa:Pa});this.mounted={key:a,view:i.mount(this.panel,g),stop:()=>u.stop()}}}refusal(t,{map:e,heads:n}){let o=t.unavailable(this.app.manifest,{...this.app.store.state,map:e,heads:n});return o===null?null:`${t.title}: ${o}`}};function Ca({manifest:r,store:t}){let{map:e,heads:n}=t.state,o=r.maps[e];return o.heads>1?{map:e,heads:[(n[0]+1)%o.heads]}:{map:(e+1)%r.maps.length,heads:[0]}}var kn=class{constructor(t){this.changed=t}changed;tops=new Map;meet(t,e){let n=this.most();this.tops.set(t,e);let o=this.most();return o!==n&&this.tops.size>1&&this.changed(t),o}leave(t){this.tops.delete(t)}most(){return Math.max(0,...this.tops.values())}};var An=class{constructor(t,e,n,o){this.app=t;this.shared=new kn(o),this.button=M("\u21C4","a second picture beside this one (v)",()=>this.toggle()),this.button.setAttribute("aria-label","compare"),this.pane=new xn(t,e);let s=b("div","picture");s.append(this.first,n),this.element.append(s,this.pane.element)}app;button;element=b("div","pictures");pane;shared;first=b("p","compare-first");get sharedTop(){let{state:t}=this.app.store;return t.with!==null&&t.compare==="beside"?this.shared:void 0}toggle(){let{store:t}=this.app;t.set({with:t.state.with===null?Ca(this.app):null})}update(){let{manifest:t,store:e}=this.app,{map:n,heads:o,with:s}=e.state;this.button.setAttribute("aria-pressed",String(s!==null)),this.first.hidden=s===null,this.first.textContent=`A: ${O(t.maps[n],o)}`,this.pane.update()}};var Ra={question:"",rows:[],columns:[],count:0},qa=64,yu=400,Sn=class{constructor(t,e){this.app=t;this.changed=e}app;changed;found=Ra;at=-1;looking=!1;settled=Promise.resolve();asked="";once=!1;abort=new AbortController;look(t){let e=this.settled,n=this.ask(t);return this.settled=n||e,this.settled}ask(t){let{manifest:e,store:n}=this.app,o=e.maps[n.state.map],s=[o.rowAxes[B(o,n.state)],o.columnAxis],i=JSON.stringify([t.trim(),s]);if(i===this.asked)return null;this.asked=i,this.abort.abort(),this.abort=new AbortController;let{signal:a}=this.abort;return this.at=-1,t.trim()===""?(this.looking=!1,this.found=Ra,this.changed(),Promise.resolve()):(this.looking=!0,this.search(t,s,a))}async search(t,e,n){let{manifest:o}=this.app,s=[];for(let l of e){let c=await Ma(Sa(o.axes[l],t),n);if(!c)return;s.push(c)}let[i,a]=s;this.once=wu(o.axes[e[0]].tokens,o.axes[e[1]].tokens),this.looking=!1,this.found={question:t,rows:i.hits,columns:a.hits,count:i.count+(this.once?0:a.count)},this.changed()}next(t){let{rows:e,columns:n}=this.found,o=e.length+(this.once?0:n.length);if(o===0)return null;this.at=this.at<0?t>0?0:o-1:(this.at+t+o)%o;let s=this.at<e.length?"query":"key",i=s==="query"?e[this.at]:n[this.at-e.length];return this.changed(),vu(this.app,s,i)}text(){let{question:t,count:e}=this.found;if(this.looking||t.trim()==="")return"";if(e>0)return this.at<0?`${e.toLocaleString("en-US")} found`:`${this.at+1} of ${e.toLocaleString("en-US")}`;if(_r(t)===null)return"no such text";let{info:o}=U(this.app.manifest,this.app.store.state);return`no such position: there are ${o.queries.toLocaleString("en-US")} rows and ${o.keys.toLocaleString("en-US")} columns`}stop(){this.abort.abort()}};function wu(r,t){return r===t||r.length===t.length&&r.every((e,n)=>e===t[n])}function vu(r,t,e){let{manifest:n,store:o}=r,s=U(n,o.state),i=t==="query"?"from":"to";return{[t]:e.start,pinned:!0,direction:i,viewport:xu(o.state.viewport,s,t,e.start)}}function xu(r,t,e,n){let o=e==="query"?t.rows:t.columns,s=o.unitOf(n);if(s<0)return r;let[i,a]=e==="query"?["top","bottom"]:["left","right"];if(r&&s>=r[i]&&s+1<=r[a])return r;if(!r&&Math.max(t.rows.count,t.columns.count)<=yu)return null;let l=r??{top:0,bottom:t.rows.count,left:0,right:t.columns.count},c=e==="query"?t.columns:t.rows,[h,u]=e==="query"?["left","right"]:["top","bottom"],p={...l};[p[i],p[a]]=Na(s,r?l[a]-l[i]:qa,o);let m=c.axis.tokens.length===o.axis.tokens.length?c.unitOf(n):-1;return m>=0&&([p[h],p[u]]=Na(m,r?l[u]-l[h]:qa,c)),p}function Na(r,t,{count:e}){let n=Math.min(t,e),o=Math.min(Math.max(0,r+.5-n/2),e-n);return[o,o+n]}var ku=120,Mn=class{constructor(t,e,n){this.app=t;this.left=n;this.finder=new Sn(t,()=>{this.count.textContent=this.finder.text(),e()}),this.input.type="search",this.input.placeholder="/ find",this.input.title='a word or a position (/); "12" in quotes is a text',this.input.setAttribute("aria-label","find a word or a position"),this.input.maxLength=200,this.count.setAttribute("role","status"),this.input.addEventListener("input",()=>this.typed()),this.input.addEventListener("keydown",i=>this.key(i));let o=M("\u2039","the one before (Shift N)",()=>this.next(-1));o.setAttribute("aria-label","the one before");let s=M("\u203A","the next one (n)",()=>this.next(1));s.setAttribute("aria-label","the next one"),this.form.append(this.input,this.count,o,s),this.opener=M("\u2315","find a word or a position (/)",()=>this.open()),this.opener.className="find-open",this.opener.setAttribute("aria-label","find"),this.element.append(this.opener,this.form),this.update(new Set(["find"]))}app;left;element=b("div","find");finder;input=b("input","find-input");count=b("span","find-count");opener;form=b("div","find-form");timer;update(t){let{find:e}=this.app.store.state;t.has("find")&&this.input.value!==e&&(this.input.value=e,this.element.toggleAttribute("data-open",e!=="")),(t.has("find")||t.has("map")||t.has("rowAxis"))&&this.finder.look(e)}open(){this.element.toggleAttribute("data-open",!0),this.input.focus(),this.input.select()}used(t){if(t==="/")this.open();else if((t==="n"||t==="N")&&this.app.store.state.find!=="")this.next(t==="n"?1:-1);else if(t==="p")this.pin();else return!1;return!0}stop(){clearTimeout(this.timer),this.finder.stop()}typed(){clearTimeout(this.timer),this.timer=setTimeout(()=>this.app.store.set({find:this.input.value}),ku)}key(t){if(t.key==="Escape")this.close();else if(t.key==="Enter")this.chosen(t.shiftKey);else return;t.preventDefault(),t.stopPropagation()}async chosen(t){clearTimeout(this.timer),this.app.store.set({find:this.input.value}),await this.finder.settled,(!t||this.finder.at<0)&&this.next(1),t&&this.pin()}next(t){let e=this.finder.next(t);e&&this.app.store.set(e),this.finder.text()!==""&&this.app.say(this.finder.text())}pin(){let{store:t}=this.app,e=Xe(t.state);if(!e){this.app.say("there is nothing to pin: point at a cell or a word first");return}let n=se(t.state.pins,e),o=t.state.pins.length;t.set({pins:n}),this.app.say(n.length<o?"the pin is gone":"pinned")}close(){clearTimeout(this.timer),this.app.store.set({find:""}),this.input.value="",this.input.blur(),this.element.toggleAttribute("data-open",!1),this.left()}};var En=class{constructor(t){this.title=t;this.element.setAttribute("aria-label","what is seen, in words"),this.status.setAttribute("role","status"),this.status.setAttribute("aria-live","polite"),this.expand=M("\u25B4","",()=>this.open(!this.isOpen)),this.expand.className="reader-expand",this.open(!1)}title;element=b("aside","reader");described=b("p","described");status=b("p","status");notes=b("p","notes");expand;mounted=[];mount(t){let e=b("div","reader-parts");e.tabIndex=0,e.setAttribute("role","region"),e.setAttribute("aria-label","reader");let n=S(t.manifest.title,120);this.title.textContent=n,this.title.title=n;let o=be.map(({name:s})=>b("section",`reader-${s}`));e.append(this.title,...o,this.described,this.notes),this.element.append(this.expand,this.status,e),this.mounted=be.map((s,i)=>s.mount(o[i],t))}say(t){this.status.textContent=t}describe(t){this.described.textContent!==t&&(this.described.textContent=t)}update(t,e,n){let s=t.special==="hidden"&&t.renormalise?["special tokens are left out, and each row is divided by what remains of it",...n]:n;this.notes.textContent=s.join(" \xB7 "),this.notes.hidden=s.length===0;for(let i of this.mounted)i.update(e)}destroy(){for(let t of this.mounted)t.destroy()}get isOpen(){return this.element.hasAttribute("data-open")}open(t){this.element.toggleAttribute("data-open",t),this.expand.setAttribute("aria-expanded",String(t)),this.expand.textContent=t?"\u25BE":"\u25B4",this.expand.setAttribute("aria-label",t?"less of the reader":"more of the reader")}};function Ia(r){return{view:"map",map:0,heads:[0],unit:"tokens",special:"dimmed",renormalise:!1,rowAxis:0,scale:"auto",how:"auto",limits:null,viewport:null,query:null,key:null,pinned:!1,direction:"from",threshold:null,sort:"",thumbnails:"max",pins:[],find:"",pair:"all",with:null,compare:"beside",several:"mean",...r.opening}}function Ha(r){let t=r,e=new Set;return{get state(){return t},set(n){let o=Object.keys(n),s=new Set(o.filter(i=>!Au(t[i],n[i])));if(s.size!==0){t={...t,...n};for(let i of[...e])i(t,s)}},subscribe(n){return e.add(n),()=>e.delete(n)}}}function Au(r,t){return r===t||JSON.stringify(r)===JSON.stringify(t)}var Fa={view:q.map(({name:r})=>r),unit:["tokens","words","characters"],special:["shown","dimmed","hidden"],scale:["auto","linear","log","row"],how:["auto","mean","max"],direction:["from","to"],thumbnails:["mean","max"],pair:["all","a-b","b-a","a-a","b-b"],compare:["beside","difference"],several:["mean","colours"]},Su=200,Mu=["renormalise","pinned"];function Dr(r,t){let e=new URLSearchParams;for(let o of Object.keys(t)){let s=Ba(o,r[o]);s!==Ba(o,t[o])&&e.set(o,s)}let n=e.toString().replaceAll("%2C",",");return n&&`#${n}`}function jr(r){return/[#&](query|key)=/.test(r)}function Ba(r,t){if(t===null)return"";if(r==="pins")return Ps(t);if(r==="with")return Eu(t);if(typeof t=="boolean")return t?"1":"0";if(Array.isArray(t))return t.join(",");if(typeof t!="object")return String(t);let e=t;return[e.top,e.bottom,e.left,e.right].map(n=>Number(n.toFixed(3))).join(",")}function Wr(r,t,e){let n=new URLSearchParams(r.replace(/^#/,"")),o={...e},s=(y,w)=>{let x=y!==null&&/^\d{1,9}$/.test(y)?Number(y):-1;return x>=0&&x<w?x:null};for(let y of Object.keys(Fa)){let w=Fa[y].find(x=>x===n.get(y));w!==void 0&&Object.assign(o,{[y]:w})}o.map=s(n.get("map"),t.maps.length)??o.map;let i=t.maps[o.map];o.map!==e.map&&Object.assign(o,{heads:[0],rowAxis:0,viewport:null,query:null,key:null,pinned:!1});for(let y of Mu)/^[01]$/.test(n.get(y)??"")&&(o[y]=n.get(y)==="1");let l=n.get("heads")?.split(",").map(y=>s(y,i.heads))??[null];l.includes(null)||(o.heads=[...new Set(l)].sort((y,w)=>y-w)),o.rowAxis=s(n.get("rowAxis"),i.rowAxes.length)??o.rowAxis;let c=(y,w)=>n.get(y)===""?null:s(n.get(y),w)??o[y];o.query=c("query",i.queries),o.key=c("key",i.keys);let h=n.get("viewport");o.viewport=h===""?null:Lu(h,i)??o.viewport;let u=n.get("limits");o.limits=u===""?null:$u(u)??o.limits;let p=Number(n.get("threshold")||Number.NaN);n.get("threshold")===""?o.threshold=null:p>=0&&p<=1&&(o.threshold=p);let m=n.get("sort");m!==null&&(m===""||t.maps.some(y=>Object.hasOwn(y.statistics,m)))&&(o.sort=m);let d=n.get("pins");d!==null&&(o.pins=Cs(d,t));let f=n.get("find");f!==null&&(o.find=f.slice(0,Su));let g=n.get("with");return g!==null&&(o.with=Tu(g,t,o)),o}function Eu({map:r,heads:t}){return`${r}.${t.join(",")}`}function Tu(r,t,e){if(r==="")return null;let[,n,o]=/^(\d{1,6})\.(\d{1,6}(?:,\d{1,6})*)$/.exec(r)??[],s=n===void 0?void 0:t.maps[Number(n)],i=[...new Set(o?.split(",").map(Number))].sort((a,l)=>a-l);return s&&i.every(a=>a<s.heads)?{map:Number(n),heads:i}:e.with}function $u(r){let t=r?.split(",")??[];if(t.length!==2||!t.every(o=>/^\d{1,6}(\.\d{1,9})?(e-?\d{1,2})?$/.test(o)))return null;let[e,n]=t.map(Number);return e>=0&&e<n?[e,n]:null}function Lu(r,{queries:t,keys:e}){let n=r?.split(",")??[];if(n.length!==4||!n.every(c=>/^-?\d{1,9}(\.\d{1,6})?$/.test(c)))return null;let[o,s,i,a]=n.map(Number),l=(c,h,u)=>c<h&&c<u&&h>0&&h-c<=4*u;return l(o,s,t)&&l(i,a,e)?{top:o,bottom:s,left:i,right:a}:null}var Ot=class{constructor(t,e,n,o){this.content=o;this.element=b("div",`fold ${t}`),this.button=M(e,n,()=>this.open(!this.isOpen)),this.button.setAttribute("aria-expanded","false"),o.classList.add("folded"),this.element.append(this.button,o),this.away=s=>{this.isOpen&&!s.composedPath().includes(this.element)&&this.open(!1)},document.addEventListener("pointerdown",this.away),this.element.addEventListener("keydown",s=>{s.key!=="Escape"||!this.isOpen||(s.preventDefault(),this.open(!1),this.button.focus())})}content;element;button;away;get isOpen(){return this.element.hasAttribute("data-open")}open(t){let e=this.content.contains(this.element.getRootNode().activeElement);!t&&this.isOpen&&e&&this.button.focus(),this.element.toggleAttribute("data-open",t),this.button.setAttribute("aria-expanded",String(t))}stop(){document.removeEventListener("pointerdown",this.away)}};var Tn=class{constructor(t,e,n,o){this.menu=o;this.heads=new Ot("fold-heads","","choose heads",e),this.views=new Ot("fold-views","","choose the view",n),this.element.append(t,this.heads.element,this.views.element,this.find,this.compare,o.fold.element)}menu;element=b("header","bar");find=b("div","bar-find");compare=b("div","bar-compare");heads;views;update(t,e){this.heads.button.textContent=`${t} \u25BE`,this.views.button.textContent=`${e} \u25BE`,this.views.open(!1)}stop(){for(let t of[this.heads,this.views,this.menu.fold])t.stop()}};var Ou=3,$n=class{element=b("div","errors");constructor(){this.element.setAttribute("role","alert")}show(t){if(t instanceof DOMException&&t.name==="AbortError")return;let e=t instanceof Error?t.message:String(t),n=[...this.element.children];if(n.some(s=>s.firstElementChild?.textContent===e))return;n.length>=Ou&&n[0].remove();let o=b("div","error");o.append(b("span","",e),M("Dismiss","",()=>o.remove())),this.element.append(o)}};var Pu=26;function Cu(r,t,e){if(e.shiftKey){let[o,s]=[Math.min(r[0],t),Math.max(r[0],t)];return Array.from({length:s-o+1},(i,a)=>o+a)}if(!e.ctrlKey&&!e.metaKey)return[t];let n=r.includes(t)?r.filter(o=>o!==t):[...r,t];return n.length>0?n.sort((o,s)=>o-s):[t]}var Ln=class{constructor(t){this.app=t;this.element.setAttribute("role","toolbar"),this.element.setAttribute("aria-label","heads"),this.all=M("all","the mean of all heads",()=>{t.store.set({heads:this.buttons.map((e,n)=>n)})}),this.several=M("+","choose several, which are averaged",()=>{this.several.setAttribute("aria-pressed",String(!this.isSeveral))}),this.several.setAttribute("aria-label","choose several heads"),this.several.setAttribute("aria-pressed","false"),this.reach=Ct(this.element,()=>[...this.buttons,this.all,this.several]),this.update()}app;element=b("div","head-strip");buttons=[];all;several;reach;map=-1;overview=null;asking=new AbortController;update(){let{map:t,heads:e}=this.app.store.state;t!==this.map&&this.build(t),this.buttons.forEach((o,s)=>{o.setAttribute("aria-pressed",String(e.includes(s)))}),this.all.setAttribute("aria-pressed",String(e.length===this.buttons.length));let n=this.buttons.find(o=>o.tabIndex===0);dt(n)||this.reach(this.buttons[e[0]]),qe(this.element,this.buttons[e[0]])}get isSeveral(){return this.several.getAttribute("aria-pressed")==="true"}paint(){let{overview:t}=this,e=t&&Be(t,this.app.store.state,this.app.palette);!e||!t||this.buttons.forEach((n,o)=>{let s=n.querySelector("canvas"),i=s?.getContext("2d");s&&i&&re(i,e,t,o,{x:0,y:0,width:s.width,height:s.height})})}stop(){this.asking.abort()}build(t){this.map=t;let{heads:e}=this.app.manifest.maps[t];this.element.hidden=e<2,this.buttons=Array.from({length:e},(o,s)=>this.headButton(s)),this.element.replaceChildren(b("span","strip-title","heads"),...this.buttons,this.all,this.several),this.overview=null,this.asking.abort(),this.asking=new AbortController;let{signal:n}=this.asking;e<2||this.app.source.overview(t,n).then(o=>{n.aborted||(this.overview=o,this.paint())},o=>n.aborted||this.app.fail(o))}headButton(t){let e=M("",`head ${t} (with Ctrl or Shift, several are averaged)`,o=>{let{shiftKey:s,metaKey:i,ctrlKey:a}=o,l={shiftKey:s,metaKey:i,ctrlKey:a||this.isSeveral};this.app.store.set({heads:Cu(this.app.store.state.heads,t,l)})});e.setAttribute("aria-label",`head ${t}`);let n=b("canvas");return n.width=n.height=Pu*Math.min(2,Math.ceil(devicePixelRatio||1)),n.setAttribute("aria-hidden","true"),e.append(n,b("span","",String(t))),e}};var Ru=[[`1 \u2026 ${q.length}`,"choose the view"],["[ ]","previous or next head"],["{ }","previous or next layer"],["w","tokens, words or characters"],["s","special tokens shown, dimmed or hidden"],["c","colours fitted, in proportion, logarithmic, or each row by its largest"],["m","a cell of many weights shows their mean or the largest"],["/","find a word or a position; n and N go to the next and the one before"],["p","pin what is chosen, or let it go"],["v","a second picture beside the first"],["t","the table of what is shown"],["?","this help"]],On=class{element=b("dialog","help");body=b("div");constructor(){this.element.setAttribute("aria-label","help"),this.element.append(this.body,M("Close","",()=>this.element.close()))}open(t){let e=[Ua("Keys everywhere",Ru)];t&&t.keys.length>0&&e.unshift(Ua(`Keys of ${t.title}`,t.keys)),this.body.replaceChildren(qu(),...e),this.element.showModal()}};function qu(){let r=b("section");r.append(b("h2","","What is seen"),b("p","","For every word that a model reads or writes, each of its attention heads spreads a weight of 1 over other words: where it looked. Choose a layer and a head in the bar; the reader beside the picture says what is seen of the word that is chosen."));let t=b("ul");for(let{about:e}of q)t.append(b("li","",e));return r.append(t),r}function Ua(r,t){let e=b("section"),n=b("dl");for(let[o,s]of t){let i=b("dt");i.append(b("kbd","",o)),n.append(i,b("dd","",s))}return e.append(b("h2","",r),n),e}var za={s:["special",["shown","dimmed","hidden"]],c:["scale",["auto","linear","log","row"]],m:["how",["auto","mean","max"]]},Nu={special:r=>`special tokens ${r}`,scale:r=>({auto:"colours fitted to what is seen",linear:"colours in proportion",log:"colours by logarithm"})[r]??"each row by its largest",how:r=>({max:"a cell shows the largest weight",mean:"a cell shows the mean"})[r]??"a cell shows the mean of few weights, the largest of many"};function Va(r,{manifest:t,store:e,say:n}){let{state:o}=e,s=t.maps[o.map];if(r==="["||r==="]"){let i=r==="]"?1:-1;e.set({heads:[((o.heads.length>1?o.heads[0]:o.heads[0]+i)+s.heads)%s.heads]}),n(O(s,e.state.heads))}else if(r==="{"||r==="}"){let i=_o(t,o,r==="}"?1:-1);i!==null&&e.set(lt(t,o,i));let a=O(t.maps[e.state.map],e.state.heads);n(i===null?`${a}: there is no ${r==="}"?"later":"earlier"} layer`:a)}else if(r==="w"){let i=Ne(t,s);e.set({unit:i[(i.indexOf(o.unit)+1)%i.length]}),n(i.length>1?e.state.unit:"where words begin is not known")}else if(r in za){let[i,a]=za[r],l=a,c=l[(l.indexOf(o[i])+1)%l.length];e.set({[i]:c}),n(Nu[i]?.(c)??c)}else return!1;return!0}function _a(r){return r instanceof HTMLElement?r.isContentEditable||r.matches("select, textarea")?!0:r.matches("input:not([type=checkbox])"):!1}function Da(r,t){return(t==="Enter"||t===" ")&&r instanceof HTMLElement&&r.matches("button, summary, a, input")}var Ga=["focusin","pointerdown"];function ja(r,t,e){let n=!0,o=t?r:document,s=a=>e(a,n),i=a=>{n=a.composedPath().includes(r)};o.addEventListener("keydown",s);for(let a of Ga)document.addEventListener(a,i);return r.tabIndex=-1,t||r.focus({preventScroll:!0}),()=>{o.removeEventListener("keydown",s);for(let a of Ga)document.removeEventListener(a,i)}}var Iu={encoder:"encoder",decoder:"decoder",cross:"cross-attention",self:"self-attention",map:"maps"},Pn=class{constructor(t){this.app=t;let{manifest:e,store:n}=t,o=e.items.map((s,i)=>[String(i),S(s,60)]);this.item=Q("sequence",o,s=>{let i=Vo(e,n.state,Number(s));i>=0?n.set(lt(e,n.state,i)):t.say("there is no map of this sequence"),this.update()}),this.item.label.hidden=e.items.length<2,this.map=Q("map",[],s=>n.set(lt(e,n.state,Number(s)))),this.element.append(this.item.label,this.map.label),this.update()}app;element=b("div","map-choice");item;map;listed=-1;update(){let{manifest:t,store:e}=this.app,{item:n}=t.maps[e.state.map];n!==this.listed&&this.list(n),this.item.control.value=String(n),this.map.control.value=String(e.state.map)}list(t){this.listed=t;let e=this.app.manifest.maps.map((o,s)=>({info:o,at:s})).filter(({info:o})=>o.item===t),n=[...new Set(e.map(({info:o})=>o.kind))];this.map.control.replaceChildren(...n.map(o=>{let s=b("optgroup");s.label=Iu[o];let i=e.filter(({info:a})=>a.kind===o);return s.append(...i.map(({info:a,at:l})=>new Option(Hu(a,l),String(l)))),s}))}};function Hu(r,t){return r.layer===null?S(r.name||`map ${t}`,60):`${r.kind} layer ${r.layer}`}var Cn=class{constructor(t,e,n){this.manifest=t;let o=b("div","menu-content");this.fold=new Ot("menu","\u22EF","settings, table, pictures, help",o),this.fold.button.setAttribute("aria-label","menu");let s=(a,l,c)=>M(a,l,()=>{this.fold.open(!1),c()});this.tableButton=s("Table","what is shown, as a table (t)",n.table),this.tableButton.setAttribute("aria-expanded","false"),this.themeButton=M("","colours of the viewer: the host's, light, or dark",n.theme),this.back=M("\u2190 Back","to what was looked at before",n.back),this.forward=M("Forward \u2192","to what was looked at after",n.forward);let i=b("div","buttons");i.append(this.back,this.forward,this.tableButton,s("Copy table","tab-separated, for a spreadsheet, with all digits",n.copy),s("CSV","save the table as a file, with all digits",n.csv),s("PNG","save the picture, whole, in pixels",n.png),s("SVG","save the picture, whole, as a drawing",n.svg),this.themeButton,s("Help","the views, and the keys (?)",n.help)),this.letters.control.checked=!0,this.letters.label.title="letters, digits and signs; arrows and Escape stay",o.append(e,i,this.letters.label,this.absent)}manifest;fold;tableButton;themeButton;back;forward;absent=b("p","menu-absent");letters=Re("shortcuts of one key",()=>{});get shortcuts(){return this.letters.control.checked}visited(t,e){this.back.disabled=!t,this.forward.disabled=!e}update(t,e,n){this.tableButton.setAttribute("aria-expanded",String(e)),this.themeButton.textContent=`Theme: ${n}`;let o=q.flatMap(({title:s,unavailable:i})=>{let a=i(this.manifest,t);return a===null?[]:[`${s}: ${a}.`]});this.absent.textContent=o.length>0?`Not here: ${o.join(" ")}`:"",this.absent.hidden=o.length===0}};var[Fu,Bu]=[1<<18,1<<24],Uu=128,zu=3,Gu=/\p{L}/u,Rn=class{constructor(t){this.app=t}app;asking=new AbortController;chosen=null;choose(){this.stop(),this.asking=new AbortController;let{signal:t}=this.asking,{store:e,fail:n}=this.app,o=()=>e.state.query!==null||e.state.key!==null,{map:s}=e.state;o()||Vu(this.app,t).then(i=>{t.aborted||i===null||o()||(this.chosen={map:s,query:i},e.set({query:i}))},i=>t.aborted||n(i))}unsaid(t,e){let{map:n,query:o}=this.chosen??{};return t.map!==n||t.query!==o||t.key!==null?t:{...t,query:e.map===n?e.query:null}}stop(){this.asking.abort()}};async function Vu(r,t){let{manifest:e,store:n,source:o}=r,{state:s}=n,i=Et(e,s);if(typeof i!="string")return De(i,"from")??null;let a=U(e,s),{rows:l,columns:c,info:h}=a;if(l.count===0||c.count===0)return null;if(l.count*c.count<=Fu){let{values:x}=await o.region(ct(s,a,[0,l.count],[0,c.count]),t);return _u(x,l,c)}let u=Wa(l);if(h.queries*h.keys>Bu||!h.probabilities)return u;let p=l.count>>1,m=Math.min(Uu,l.count-p),d=Array.from({length:m},(x,A)=>l.start(p+Math.floor(A*(l.count-p)/m))),f={starts:d,stops:d.map(x=>x+1)},g={start:0,stop:h.keys,count:1},{entropy:y}=await o.margins({map:s.map,heads:s.heads,rows:f,columns:g,hideSpecial:!1},t),w=d.map((x,A)=>({start:x,at:A})).filter(({start:x})=>Kr(l,l.unitOf(x)));return w.sort((x,A)=>y[x.at]-y[A.at]),w[0]?.start??u}function Kr(r,t){return t>=0&&!r.special(t)&&(r.label(t)===String(r.start(t))||Gu.test(r.label(t)))}function Wa(r){for(let t=r.count-1;t>=0;t--)if(Kr(r,t))return r.start(t);return null}function _u(r,t,e){let n=null;for(let o=0;o<t.count;o++){if(!Kr(t,o))continue;let s=r.subarray(o*e.count,(o+1)*e.count),[i,a,l,c]=[0,0,0,0];if(s.forEach((u,p)=>{u<=0||(l++,i+=u,a-=u*Math.log(u),u>s[c]&&(c=p))}),l<zu||i<=0)continue;let h=(a/i+Math.log(i))/Math.log(l)+(e.special(c)?1:0);(n===null||h<n.score-1e-6)&&(n={at:o,score:h})}return n===null?Wa(t):t.start(n.at)}var qn="has-sheet";function Ka(r,t,e){let n=b("div","sheet");n.setAttribute("aria-hidden","true"),r.append(n);let o=null,s="",i=0,a=async()=>{let u=++i;o??=e.light();let p=await e.view().svg();if(u!==i)return;let m=new DOMParser().parseFromString(p,"image/svg+xml").documentElement,d=e.notes().map(f=>b("p","",f));n.replaceChildren(document.importNode(m,!0),...d),r.classList.contains(qn)||(s=r.style.height),r.style.height="auto",r.classList.add(qn)},l=()=>{a().catch(e.fail)},c=()=>{i++,o?.(),o=null,r.classList.contains(qn)&&(r.style.height=s),r.classList.remove(qn),n.replaceChildren()},h=u=>{u.key.toLowerCase()!=="p"||!(u.ctrlKey||u.metaKey)||u.shiftKey||u.altKey||(u.preventDefault(),a().then(()=>print(),e.fail))};return addEventListener("beforeprint",l),addEventListener("afterprint",c),t&&addEventListener("keydown",h),()=>{removeEventListener("beforeprint",l),removeEventListener("afterprint",c),removeEventListener("keydown",h),n.remove()}}function Ya(r,t){return`${r.map(n=>n.normalize("NFKC").replace(/[^\p{L}\p{N}]+/gu,"-").slice(0,60).replace(/^-+|-+$/g,"")).filter(n=>n!=="").join("_")||"attention"}.${t}`}function Xa({columns:r,rows:t}){let e=n=>n.replace(/[\t\r\n]+/g," ");return[r,...t].map(n=>n.map(e).join("	")).join(`
`)}function Ja({columns:r,rows:t}){let e=n=>/[",\r\n]/.test(n)?`"${n.replaceAll('"','""')}"`:n;return[r,...t].map(n=>`${n.map(e).join(",")}\r
`).join("")}function Qa(r=window){let t="open the page by itself, or copy the table";try{for(let e=r;e!==e.parent;e=e.parent){let n=e.frameElement?.getAttribute("sandbox")??null;if(n!==null&&!/\ballow-downloads\b/.test(n))return{forbidden:!0,text:`this frame forbids downloads; ${t}`};if(!e.frameElement)break}}catch{}return r===r.parent||r.origin!=="null"?{forbidden:!1,text:""}:{forbidden:!1,text:`saved, if the frame around this page allows downloads; if not, ${t}`}}function Za(r,t){let e=document.createElement("a");e.href=URL.createObjectURL(t),e.download=r,e.click(),setTimeout(()=>URL.revokeObjectURL(e.href),1e4)}async function tl(r){let t=URL.createObjectURL(new Blob([r],{type:"image/svg+xml"}));try{let e=new Image;e.src=t,await e.decode().catch(()=>{throw new Error("the browser could not draw the view's SVG; save it as SVG and open that")});let n=document.createElement("canvas");n.width=2*e.width,n.height=2*e.height,n.getContext("2d")?.drawImage(e,0,0,n.width,n.height);let o=await new Promise(s=>n.toBlob(s,"image/png"));if(!o)throw new Error(`the browser could not make a PNG of ${n.width} \xD7 ${n.height}; save it as SVG`);return o}finally{URL.revokeObjectURL(t)}}async function el(r,t){try{await navigator.clipboard.writeText(r);return}catch{}let e=document.createElement("textarea");e.value=r,e.style.position="fixed",e.style.opacity="0",t.append(e),e.select();let n=document.execCommand("copy");if(e.remove(),!n)throw new Error("the browser does not let this page copy; open the table and copy it by hand")}var Du=128,Nn=class{constructor(t){this.app=t;this.add("unit","units",[["tokens","tokens"],["words","words"],["characters","characters"]]),this.add("special","special tokens",[["shown","shown"],["dimmed","dimmed"],["hidden","hidden"]]),this.renormalise=Re("renormalise rows",e=>t.store.set({renormalise:e})),this.renormalise.control.title="divide each row by its sum over the tokens that are not hidden",this.element.append(this.renormalise.label),this.add("scale","colours",[["auto","fitted to what is seen"],["linear","in proportion"],["log","logarithmic"],["row","each row by its largest"]]),this.add("how","a cell shows",[["auto","the largest of many"],["mean","the mean"],["max","the largest"]]),this.add("thumbnails","a cell shows",[["mean","the mean"],["max","the largest"]]),this.add("several","several heads",[["mean","their mean"],["colours","a colour each"]]),this.add("pair","sentences",[["all","both"],["a-b","A looks at B"],["b-a","B looks at A"],["a-a","within A"],["b-b","within B"]]),this.rowAxis=Q("row labels",[],e=>t.store.set({rowAxis:Number(e)})),this.element.append(this.rowAxis.label),this.update()}app;element=b("div","settings");controls={};renormalise;rowAxis;update(){let{manifest:t,store:e}=this.app,{state:n}=e,o=t.maps[n.map];for(let[c,h]of Object.entries(this.controls))h.value=String(n[c]);let s=new Set(q.find(({name:c})=>c===n.view)?.settings);for(let[c,h]of Object.entries(this.controls))we(h,!s.has(c));let i=Ne(t,o),a=this.controls.unit;a.disabled=i.length===1,a.title=a.disabled?"where words begin is not known":"";for(let c of a.options)c.disabled=!i.includes(c.value);[...o.rowAxes,o.columnAxis].some(c=>t.axes[c].special.length>0)||we(this.controls.special,!0),Math.max(o.queries,o.keys)<=Du&&we(this.controls.how,!0),Xn(t,o,n)||we(this.controls.pair,!0),n.heads.length<2&&we(this.controls.several,!0),this.renormalise.label.hidden=n.special!=="hidden"||!s.has("renormalise"),this.renormalise.control.checked=n.renormalise,xt(this.rowAxis.control,o.rowAxes.map((c,h)=>[String(h),t.axes[c].title])),this.rowAxis.control.value=String(n.rowAxis),this.rowAxis.label.hidden=o.rowAxes.length<2||!s.has("rowAxis")}add(t,e,n){let{label:o,control:s}=Q(e,n,i=>this.app.store.set({[t]:i}));this.controls[t]=s,this.element.append(o)}};function we(r,t){r.closest("label").hidden=t}var In=class{constructor(t,e,n){this.read=t;this.fail=e;this.element.hidden=!0,this.element.setAttribute("aria-label","table of what is shown"),this.holder.tabIndex=0,this.holder.setAttribute("role","region"),this.holder.setAttribute("aria-label","table"),this.element.append(M("Close table","",n),this.holder)}read;fail;element=b("section","table-panel");holder=b("div","table-holder");turn=0;show(t){this.element.hidden=!t,t&&this.update()}async update(){if(this.element.hidden)return;let t=++this.turn;try{let e=await this.read();t===this.turn&&this.holder.replaceChildren(ju(e))}catch(e){t===this.turn&&this.fail(e)}}};function ju({caption:r,columns:t,rows:e}){let n=b("table");n.createCaption().textContent=r;let o=n.createTHead().insertRow();for(let i of t){let a=b("th","",i);a.scope="col",o.append(a)}let s=n.createTBody();for(let i of e){let a=s.insertRow();i.forEach((l,c)=>{let h=b(c===0?"th":"td","",l);c===0&&(h.scope="row"),a.append(h)})}return n}var Hn=class{constructor(t,e,n){this.app=t;this.views=e;this.element.setAttribute("role","tablist"),this.element.setAttribute("aria-label","views"),this.tabs=e.map((o,s)=>{let i=M(o.title,"",()=>this.choose(o.name));return i.setAttribute("role","tab"),i.setAttribute("aria-controls",n),i.setAttribute("aria-keyshortcuts",String(s+1)),i.id=`${n}-${o.name}`,i}),this.element.append(...this.tabs),this.reach=Ct(this.element,()=>this.tabs.filter(o=>!o.hidden)),this.update()}app;views;element=b("div","tabs");tabs;reach;update(){let{state:t}=this.app.store;this.views.forEach((n,o)=>{let s=this.tabs[o];s.setAttribute("aria-selected",String(n.name===t.view)),s.hidden=n.unavailable(this.app.manifest,t)!==null,s.title=`${n.title} (key ${o+1})`});let e=this.tabs[this.views.findIndex(n=>n.name===t.view)];this.tabs.some(n=>dt(n))||this.reach(e),qe(this.element,e)}choose(t){let e=this.views.find(o=>o.name===t),n=e?.unavailable(this.app.manifest,this.app.store.state);e&&(n?this.app.say(`${e.title}: ${n}`):this.app.store.set({view:t}))}};var Wu=["background","text","dimmed","frame","accent"];function Ku(r){let{body:t,documentElement:e}=r,n=t.getAttribute("data-jp-theme-light");if(n!==null)return n==="false"?"dark":"light";let o=i=>t.classList.contains(i)||e.classList.contains(i);if(o("vscode-dark")||o("vscode-high-contrast")&&!o("vscode-high-contrast-light"))return"dark";if(o("vscode-light")||o("vscode-high-contrast-light"))return"light";let s=e.getAttribute("theme");return s!==null?s==="dark"?"dark":"light":o("dark")||o("dark-theme")?"dark":o("light")||o("light-theme")?"light":null}var Fn=class{constructor(t,e,n,o){this.root=t;this.chosen=e;this.notebook=n;this.changed=o;if(this.palette=Mt(this.current()),this.paint(),this.preference.addEventListener("change",this.look),!n)return;this.observer=new MutationObserver(this.look);let s={attributes:!0,attributeFilter:["class","theme","data-jp-theme-light"]};for(let i of[document.documentElement,document.body])this.observer.observe(i,s)}root;chosen;notebook;changed;palette;preference=matchMedia("(prefers-color-scheme: dark)");observer=null;look=()=>this.resolve();choose(t){this.chosen=t,this.resolve()}lit(){let{chosen:t}=this;return this.choose("light"),()=>this.choose(t)}stop(){this.observer?.disconnect(),this.preference.removeEventListener("change",this.look)}current(){return this.chosen!=="auto"?this.chosen:(this.notebook?Ku(document):null)??(this.preference.matches?"dark":"light")}resolve(){let t=this.current();t!==this.palette.name&&(this.palette=Mt(t),this.paint(),this.changed())}paint(){for(let t of Wu)this.root.style.setProperty(`--${t}`,this.palette[t]);this.root.style.colorScheme=this.palette.name}};function Bn(r){if(r==="widget")return!1;try{return window.parent===window&&location.origin!=="null"}catch{return!1}}function nl(r){let{at:t,last:e}=history.state?.regard??{at:0,last:0},n=()=>location.pathname+location.search,o=()=>({...history.state,regard:{at:t,last:e}}),s=()=>{let i=history.state?.regard;i?{at:t}=i:(e=++t,history.replaceState(o(),"")),r(location.hash)};return addEventListener("popstate",s),{settle(i,a){i!==location.hash&&(a?(e=++t,history.pushState(o(),"",i||n())):history.replaceState(o(),"",i||n()))},can:i=>i<0?t>0:t<e,go:i=>history.go(i),stop(){removeEventListener("popstate",s),location.hash&&history.replaceState(null,"",n())}}}var Yu=100;function rl(r,t,e){let n=[r],o=0;return{settle(s,i){s!==n[o]&&(i?(n=[...n.slice(0,o+1),s].slice(-Yu),o=n.length-1):n[o]=s,e(s))},can:s=>n[o+s]!==void 0,go(s){n[o+s]!==void 0&&(o+=s,e(n[o]),t(n[o]))},stop:()=>e("")}}var Xu=300,Ju=150,[ol,Qu]=[560,484],Zu=new Set(["query","key","pinned","viewport"]),tp=["view","map","heads","viewport","with","compare","pair"],Yr=["auto","light","dark"],Un=class{constructor(t,e){this.host=e;let{manifest:n,source:o,kind:s}=e;this.element=b(s==="page"?"main":"section",`viewer ${s}`),this.element.setAttribute("aria-label",`attention: ${S(n.title,120)}`),this.start=Ia(n);let i=Ha(s==="widget"?this.start:Wr(location.hash,n,this.start)),a=g=>{this.goTo(g),this.sayVisited()};this.visits=Bn(s)?nl(a):rl(Dr(i.state,this.start),a,g=>this.setAddress(g)),this.theme=new Fn(this.element,e.theme??"auto",s==="widget",()=>this.redraw());let{theme:l}=this;this.app={manifest:n,source:o,store:i,embedded:s==="widget"||window.parent!==window,get palette(){return l.palette},say:g=>this.reader.say(g),describe:g=>{this.reader.describe(g),this.fit()},fail:g=>this.errors.show(g),marked:()=>this.find.finder.found,get sharedTop(){return c().sharedTop}};let c=()=>this.beside;this.find=new Mn(this.app,()=>this.redrawSoon(),()=>this.panel.querySelector("[tabindex='0']")?.focus()),this.beside=new An(this.app,q,this.panel,()=>this.redrawSoon()),this.first=new Rn(this.app);let h=new Nn(this.app);this.reader=new En(b(s==="widget"?"h2":"h1","title")),this.menu=new Cn(n,h.element,{table:()=>this.showTable(!this.tableOpen),copy:()=>this.attempt(()=>this.copy()),csv:()=>this.save("csv",async()=>sl(Ja(await this.view().table(!0)),"text/csv")),png:()=>this.save("png",async()=>tl(await this.view().svg())),svg:()=>this.save("svg",async()=>sl(await this.view().svg(),"image/svg+xml")),theme:()=>this.setTheme(Yr[(Yr.indexOf(this.theme.chosen)+1)%Yr.length]),help:()=>this.openHelp(),back:()=>this.visits.go(-1),forward:()=>this.visits.go(1)}),this.table=new In(()=>this.view().table(),g=>this.errors.show(g),()=>this.showTable(!1)),this.panel.id=`panel-${Math.random().toString(36).slice(2)}`,this.panel.setAttribute("role","tabpanel"),this.strip=new Ln(this.app),this.tabs=new Hn(this.app,q,this.panel.id);let u=new Pn(this.app);this.bar=new Tn(u.element,this.strip.element,this.tabs.element,this.menu),this.bar.find.append(this.find.element),this.bar.compare.append(this.beside.button),this.parts=[u,this.strip,this.tabs,h,this.beside],this.build(t),this.reader.mount(this.app),this.update(new Set),this.sayVisited(),this.stops.push(i.subscribe((g,y)=>this.changed(g,y))),this.listen(),this.mountView();let p=s!=="widget",{view:m,light:d}={view:()=>this.view(),light:()=>this.theme.lit()},f=()=>n.notes;this.stops.push(Ka(this.element,p,{view:m,light:d,notes:f,fail:g=>this.errors.show(g)})),(s==="widget"||!jr(location.hash))&&this.first.choose()}host;element;panel=b("div","panel");errors=new $n;help=new On;app;theme;parts;strip;tabs;bar;menu;reader;find;beside;table;start;first;stops=[];visits;stepped=!1;mounted=null;tableOpen=!1;addressTimer;tableTimer;frame=0;redrawing=0;fitted="";get store(){return this.app.store}setTheme(t){this.theme.choose(t),this.menu.update(this.app.store.state,this.tableOpen,t)}destroy(){for(let t of this.stops)t();clearTimeout(this.addressTimer),clearTimeout(this.tableTimer),cancelAnimationFrame(this.frame),cancelAnimationFrame(this.redrawing),this.theme.stop(),this.strip.stop(),this.bar.stop(),this.find.stop(),this.beside.pane.unmount(),this.first.stop(),this.reader.destroy(),this.mounted?.view.destroy(),this.mounted=null,this.element.remove(),this.host.transport.close(),this.visits.stop()}changed(t,e){[...e].some(n=>!Zu.has(n))?(this.app.say(""),this.update(e)):this.reader.update(t,e,this.host.manifest.notes),this.find.update(e),(e.has("thumbnails")||e.has("scale"))&&this.strip.paint(),e.has("map")&&this.first.choose(),(e.has("view")||e.has("map")||e.has("rowAxis")||e.has("heads"))&&this.mountView(),this.tableOpen&&(clearTimeout(this.tableTimer),this.tableTimer=setTimeout(()=>this.table.update(),Ju)),this.stepped||=tp.some(n=>e.has(n)),clearTimeout(this.addressTimer),this.addressTimer=setTimeout(()=>{this.visits.settle(this.address(),this.stepped),this.sayVisited(),this.stepped=!1},Xu)}update(t){let{state:e}=this.app.store;for(let n of this.parts)n.update();this.bar.update(ep(e.heads),q.find(({name:n})=>n===e.view)?.title??""),this.menu.update(e,this.tableOpen,this.theme.chosen),this.reader.update(e,t,this.host.manifest.notes)}sayVisited(){this.menu.visited(this.visits.can(-1),this.visits.can(1))}redrawSoon(){cancelAnimationFrame(this.redrawing),this.redrawing=requestAnimationFrame(()=>{this.mounted?.view.redraw(),this.beside.pane.redraw()})}goTo(t){this.app.store.set(Wr(t,this.host.manifest,this.start)),jr(t)||this.first.choose()}address(){return Dr(this.first.unsaid(this.app.store.state,this.start),this.start)}mountView(){let{store:t,manifest:e}=this.app,n=q.find(s=>s.name===t.state.view)??q[0],o=n.unavailable(e,t.state);if(o!==null&&n!==q[0]){this.app.say(`${n.title}: ${o}`),t.set({view:q[0].name});return}if(this.mounted?.name!==n.name){this.mounted?.view.destroy(),this.mounted=null,this.panel.replaceChildren(),this.app.describe(""),this.panel.setAttribute("aria-labelledby",`${this.panel.id}-${n.name}`);try{this.mounted={name:n.name,view:n.mount(this.panel,this.app)}}catch(s){this.errors.show(s)}}}view(){if(!this.mounted)throw new Error("there is no view to show; choose another");return this.mounted.view}redraw(){this.strip.paint(),this.reader.update(this.app.store.state,new Set,this.host.manifest.notes),this.mounted?.view.redraw(),this.beside.pane.redraw()}fit(){let{kind:t,height:e=ol}=this.host,{style:n}=this.element;if(t!=="widget"||n.height!==this.fitted)return;let o=this.mounted?.view.contentHeight?.()??null,s=this.element.offsetHeight-this.panel.clientHeight,i=Math.min(e,Qu);this.fitted=`${o===null?e:Math.round(Math.max(i,Math.min(e,o+s)))}px`,n.height!==this.fitted&&(n.height=this.fitted)}setAddress(t){if(!(this.host.kind==="widget"||t===location.hash))try{history.replaceState(history.state,"",t||location.pathname+location.search)}catch{}}listen(){this.stops.push(ja(this.element,this.app.embedded,(n,o)=>this.key(n,o)));let t=new ResizeObserver(()=>{cancelAnimationFrame(this.frame),this.frame=requestAnimationFrame(()=>{this.tabs.update(),this.fit(),this.mounted?.view.redraw(),this.beside.pane.redraw()})});if(t.observe(this.panel),this.stops.push(()=>t.disconnect()),this.host.kind==="widget"||Bn(this.host.kind))return;let e=()=>this.goTo(location.hash);addEventListener("hashchange",e),this.stops.push(()=>removeEventListener("hashchange",e))}key(t,e){let n=t.composedPath()[0];t.defaultPrevented||t.isComposing||this.help.element.open||_a(n)||Da(n,t.key)||!t.composedPath().includes(this.element)&&!(e&&n===document.body)||this.used(t)&&(t.preventDefault(),t.stopPropagation())}used(t){if(t.key==="Escape"&&this.tableOpen)return this.showTable(!1),!0;if(t.altKey&&(t.key==="ArrowLeft"||t.key==="ArrowRight"))return Bn(this.host.kind)?!1:(this.visits.go(t.key==="ArrowLeft"?-1:1),!0);if(!this.menu.shortcuts&&[...t.key].length===1)return!1;let{pane:e}=this.beside;if((t.composedPath().includes(e.element)&&e.view||this.mounted?.view)?.keydown(t))return!0;if(t.ctrlKey||t.altKey||t.metaKey)return!1;let{key:o}=t,s=q[Number(o)-1];if(s)this.tabs.choose(s.name);else if(o==="t")this.showTable(!this.tableOpen);else if(o==="?")this.openHelp();else if(o==="v")this.beside.toggle();else return this.find.used(o)?!0:Va(o,this.app);return!0}openHelp(){this.help.open(q.find(t=>t.name===this.mounted?.name))}showTable(t){this.tableOpen=t,this.table.show(t),this.menu.update(this.app.store.state,t,this.theme.chosen)}async copy(){let t=await this.view().table(!0);await el(Xa(t),this.element),this.app.say(`copied: ${t.caption}`)}attempt(t){t().catch(e=>this.errors.show(e))}save(t,e){this.attempt(async()=>{let{forbidden:n,text:o}=Qa();n||Za(this.name(t),await e()),o!==""&&this.app.say(o)})}name(t){let{manifest:e,store:n}=this.app,{map:o,heads:s,view:i}=n.state;return Ya([e.title,O(e.maps[o],s),i],t)}build(t){let{kind:e,height:n=ol}=this.host;e==="widget"&&(this.element.style.height=this.fitted=`${n}px`);let o=b("div","stage");o.append(this.beside.element,this.table.element);let s=b("div","body");s.append(o,this.reader.element),this.element.append(this.bar.element,this.errors.element,s,this.help.element),t.append(this.element);for(let i of this.parts)i.update()}};function ep(r){return r.length===1?`head ${r[0]}`:`${r.length} heads`}function sl(r,t){return new Blob([r],{type:t})}function ve(r,t){let e=r.shadowRoot??r.attachShadow({mode:"open"}),n=[va,Yo,Ko,wa];if(e.adoptedStyleSheets=[...n,...[...be,...q].map(({styles:s})=>s)].map(s=>{let i=new CSSStyleSheet;return i.replaceSync(s),i}),t.kind==="widget"&&(r.dataset.lmSuppressShortcuts="true"),t.manifest.maps.length===0){let s=b("p","empty","There is no map in this recording.");return e.replaceChildren(s),{store:null,destroy:()=>s.remove(),setTheme:()=>{}}}let o=new Un(e,t);return{store:o.store,destroy:()=>o.destroy(),setTheme:s=>o.setTheme(s)}}function il(r,t){let e=r.manifest.maps.length,n=np(r.manifest,t.manifest,r.name,t.name),o=a=>a<e?{source:r.source,map:a}:{source:t.source,map:a-e};return{manifest:n,source:{region(a,l){let{source:c,map:h}=o(a.map);return c.region({...a,map:h},l)},margins(a,l){let{source:c,map:h}=o(a.map);return c.margins({...a,map:h},l)},overview(a,l){let{source:c,map:h}=o(a);return c.overview(h,l)},steps(a,l,c){let{source:h,map:u}=o(a);return h.steps(u,l,c)}},transport:{ask:(a,l,c)=>r.transport.ask(a,l,c),close(){r.transport.close(),t.transport.close()}}}}function np(r,t,e,n){let[o,s]=[r.maps.length,r.items.length],i=l=>`beside-${l}`,a=(l,c)=>c===null?l:`${l}, ${c}`;return{...r,notes:[...new Set([...r.notes,...t.notes])],axes:{...r.axes,...Object.fromEntries(Object.entries(t.axes).map(([l,c])=>[i(l),c]))},maps:[...r.maps.map(l=>({...l,of:a(e,l.of)})),...t.maps.map(l=>({...l,of:a(n,l.of),item:l.item+s,rowAxes:l.rowAxes.map(i),columnAxis:i(l.columnAxis)}))],items:[...r.items,...t.items],alignments:[...r.alignments,...t.alignments.map(l=>({...l,item:l.item+s}))],images:[...r.images,...t.images.map(l=>({...l,item:l.item+s,maps:l.maps.map(c=>({...c,map:c.map+o}))}))],definitions:{...t.definitions,...r.definitions},opening:{...r.opening,with:{map:o+(t.opening.map??0),heads:t.opening.heads??[0]}}}}var rp=new Set([409,429,503]),op=1e4;function al(r,t={}){let e=new AbortController,n=(o,s,i)=>fetch(`${r.replace(/\/+$/,"")}/${encodeURIComponent(o)}`,{method:"POST",headers:{...t,"content-type":"application/json"},body:JSON.stringify(s),signal:i}).catch(a=>{throw a instanceof TypeError?new Error(`no answer from the server (${a.message}); is it still running?`):a});return{async ask(o,s,i){let a=AbortSignal.any([e.signal,...i?[i]:[]]);a.throwIfAborted();let l=await n(o,s,a);if(rp.has(l.status)&&(await l.body?.cancel(),await Bo(sp(l),a),l=await n(o,s,a)),!l.ok)throw new Error(await ip(l));return l.arrayBuffer()},close(){e.abort(new Error("the viewer is closed"))}}}function sp(r){let t=r.headers.get("retry-after"),e=t===null?1e3:/^\d+$/.test(t)?1e3*Number(t):Date.parse(t)-Date.now();return Number.isNaN(e)?1e3:Math.min(Math.max(e,0),op)}async function ip(r){let t=await r.text();try{let{error:e}=JSON.parse(t);if(typeof e=="string")return e}catch{}return`the server answered ${r.status} ${r.statusText}`.trim()}var ll=`:host {
  display: flex;
  flex-direction: column;
  height: 100%;
  font-family: system-ui, sans-serif;
  color: var(--text);
  background: var(--background);
}
header {
  display: flex;
  flex-wrap: wrap;
  gap: 0.5rem 1.2rem;
  align-items: end;
  padding: 0.6rem 0.8rem;
  border-bottom: 1px solid var(--frame);
}
form {
  display: flex;
  gap: 0.4rem;
  align-items: end;
  flex: 3 1 28rem;
}
@media (max-width: 560px) {
  form {
    flex-wrap: wrap;
  }
}
label {
  display: flex;
  flex-direction: column;
  gap: 0.15rem;
  font-size: 0.75rem;
  color: var(--dimmed);
}
form label:first-child {
  flex: 1 1 12rem;
}
form label:nth-child(2) {
  flex: 1 1 9rem;
}
form input {
  min-width: 0;
  width: 100%;
  box-sizing: border-box;
}
header > label {
  flex: 1 1 12rem;
}
input,
select,
button {
  font: inherit;
  font-size: 0.95rem;
  color: var(--text);
  background: var(--background);
  border: 1px solid var(--frame);
  border-radius: 0.35rem;
  padding: 0.35rem 0.6rem;
  max-width: 100%;
}
button {
  cursor: pointer;
}
button:disabled {
  cursor: progress;
  color: var(--dimmed);
}
:focus-visible {
  outline: 2px solid var(--accent);
  outline-offset: 1px;
}
.card {
  padding: 0.3rem 0.8rem 0.5rem;
  border-bottom: 1px solid var(--frame);
  font-size: 0.9rem;
}
.card p {
  margin: 0.3rem 0;
  max-width: 60rem;
}
.card .formula {
  font-family: ui-monospace, monospace;
}
.card .paper {
  color: var(--dimmed);
}
.said {
  margin: 0;
  padding: 0 0.8rem;
  font-size: 0.9rem;
  min-height: 0;
}
.said.wrong {
  color: var(--accent);
}
.viewer {
  flex: 1 1 auto;
  min-height: 20rem;
  overflow: hidden;
}
header[hidden],
.card[hidden] {
  display: none;
}
`;var cl="The cat sat on the mat.";async function lp(r,t){let e=new Xr(r,t);try{await e.open()}catch(n){e.tell(n)}}var Xr=class{constructor(t,e){this.root=t;this.base=e;this.shadow=t.attachShadow({mode:"open"});let n=new CSSStyleSheet;n.replaceSync(ll),this.shadow.adoptedStyleSheets=[n],this.viewer.className="viewer",this.said.className="said",this.said.setAttribute("role","status"),this.card.className="card",this.card.hidden=!0,this.shadow.append(this.header,this.card,this.said,this.viewer);let o=matchMedia("(prefers-color-scheme: dark)"),s=()=>{let i=Mt(o.matches?"dark":"light");for(let a of["background","text","dimmed","frame","accent"])this.root.style.setProperty(`--${a}`,i[a])};o.addEventListener("change",s),s()}root;base;shadow;header=document.createElement("header");card=document.createElement("section");said=document.createElement("p");viewer=document.createElement("div");documents=document.createElement("select");beside=document.createElement("select");besideLabel=null;mounted=null;listed=[];async open(){let{documents:t,playground:e}=await this.ask("documents");this.listed=t,this.documents.addEventListener("change",()=>this.show(this.documents.value)),this.beside.addEventListener("change",()=>this.show(this.documents.value,this.beside.value)),e&&this.offer(await this.ask("playground")),this.besideLabel=xe("beside it",this.beside),this.header.append(xe("looking at",this.documents),this.besideLabel),this.list(),t.length>0?await this.show(t[0].id):await this.make("translate",{text:cl}),this.header.hidden=!e&&t.length<2}offer({translator:t,longest:e,mechanisms:n}){let o=document.createElement("form"),[s,i]=[document.createElement("input"),document.createElement("input")];s.value=cl,s.maxLength=i.maxLength=e,s.required=!0,i.placeholder="found by the model";let a=document.createElement("button");a.textContent="Translate",o.append(xe(t,s),xe("its translation, where you know it",i),a),o.addEventListener("submit",async c=>{c.preventDefault(),a.disabled=!0,await this.make("translate",{text:s.value,target:i.value.trim()||void 0}),a.disabled=!1});let l=document.createElement("select");l.append(new Option("choose one \u2026",""));for(let c of new Set(n.map(h=>h.family))){let h=document.createElement("optgroup");h.label=c;for(let u of n.filter(p=>p.family===c))h.append(new Option(u.title+(u.steps?" (step by step)":""),u.name));l.append(h)}l.addEventListener("change",()=>{let c=n.find(h=>h.name===l.value);c&&this.make("mechanism",{name:c.name}).then(()=>this.tellCard(c))}),this.header.append(o,xe("a mechanism on a small example",l))}tellCard(t){let e=(s,i="")=>{let a=document.createElement("p");return a.className=i,a.textContent=s,a},n=document.createElement("details"),o=document.createElement("summary");o.textContent="what it is for",n.append(o,e(t.change),e(`Used by: ${t.use}`),e(`Better at: ${t.wins}`)),n.append(e(`Worse at: ${t.loses}`),e(t.paper,"paper")),this.card.replaceChildren(e(t.formula,"formula"),n),this.card.hidden=!1}async make(t,e){this.say("\u2026");try{let n=await this.ask(`playground/${t}`,e);this.listed=[...this.listed,n],this.list(),await this.show(n.id)}catch(n){this.tell(n)}}list(){let t=this.documents.value;this.documents.replaceChildren(...this.listed.map(({id:e,title:n})=>new Option(S(n,60),e))),this.documents.value=t}listBeside(t,e){let n=this.listed.filter(s=>s.id!==t),o=n.map(s=>new Option(S(s.title,60),s.id));this.beside.replaceChildren(new Option("nothing",""),...o),this.beside.value=e,this.besideLabel&&(this.besideLabel.hidden=n.length===0)}async document(t){let e=al(`${this.base}/documents/${encodeURIComponent(t)}`),n=et(await e.ask("manifest",{})).meta,o=this.listed.find(s=>s.id===t)?.title??t;return{manifest:n,source:Zt(e),transport:e,name:o}}async show(t,e=""){this.card.hidden=!0;try{let n=await this.document(t),{manifest:o,source:s,transport:i}=e?il(n,await this.document(e)):n;this.mounted?.destroy(),this.viewer.replaceChildren();let a=document.createElement("div");a.style.height="100%",this.viewer.append(a),this.mounted=ve(a,{transport:i,source:s,manifest:o,kind:"server"}),this.documents.value=t,this.listBeside(t,e),document.title=`${S(o.title,60)} \xB7 Regard`,this.say("")}catch(n){this.tell(n)}}async ask(t,e){let n={method:"POST",headers:{"content-type":"application/json"},body:JSON.stringify(e)},o=await fetch(`${this.base}/${t}`,e===void 0?{}:n),s=await o.json().catch(()=>({error:`the server answered ${o.status}`}));if(!o.ok)throw new Error(s.error??`the server answered ${o.status}`);return s}say(t){this.said.classList.remove("wrong"),this.said.textContent=t}tell(t){this.said.classList.add("wrong"),this.said.textContent=t instanceof Error?t.message:String(t)}};function xe(r,t){let e=document.createElement("label");return e.append(r,t),e}async function cp(r=up()){try{let t=zo(),e=await jn(t);return ve(r,{transport:t,source:Zt(t),manifest:e,kind:"page"})}catch(t){throw r.textContent=hl(t),t}}async function hp({model:r,el:t,live:e=!0}){let n=Go(r),o=document.createElement("div");t.append(o);let s=Wo(r,o);if(!e)return n.close(),s.say("No kernel answers here: this is how it opened. Run the cell again to look around."),()=>o.remove();let i=()=>r.get("theme"),[a,l]=[Number(r.get("height")),Zt(n)],c=a>0?{height:a}:{};try{let h=await jn(n);s.hide();let u={...h,opening:{...h.opening,...Wn(r)}},p=ve(o,{transport:n,source:l,manifest:u,kind:"widget",theme:i(),...c}),m=p.store?jo(r,p.store,h):()=>{},d=()=>p.setTheme(i());return r.on("change:theme",d),()=>{r.off("change:theme",d),m(),p.destroy(),o.remove(),s.show()}}catch(h){return n.close(),s.say(hl(h)),()=>o.remove()}}var Gv={render:hp};function up(){let r=document.createElement("div");return document.body.append(r),r}function hl(r){return r instanceof Error?r.message:String(r)}globalThis.document?.getElementById("regard-manifest")&&cp();export{Gv as default,cp as mountPage,lp as mountSite};
