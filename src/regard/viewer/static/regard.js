function K(r,t,e){let n=r.arrays.get(t);if(!n)throw new Error(`expected an array "${t}" in the map's data, got ${[...r.arrays.keys()].join(", ")}`);if(n.shape.join()!==e.join())throw new Error(`expected "${t}" of shape (${e.join(", ")}), got (${n.shape.join(", ")})`);return n}function V(r,t,e){let{data:n,dtype:o}=K(r,t,e);if(!(n instanceof Float32Array))throw new Error(`expected "${t}" of float32, got ${o}`);return n}function Rr(r,t,e){let{data:n,dtype:o}=K(r,t,e);if(!(n instanceof Float64Array))throw new Error(`expected "${t}" of float64, got ${o}`);return n}function ge(r){let t=0;for(let{data:e}of r.arrays.values())t+=e.byteLength;return t}var be=class{heads;queries;keys;received;entropy;bytes;weights;low;step;constructor(t){let{heads:e,queries:n,keys:o,low:s,step:i}=t.meta;this.heads=e,this.queries=n,this.keys=o,this.received=V(t,"received",[e,o]),this.entropy=V(t,"entropy",[e,n]);let{data:a,dtype:l}=K(t,"weights",[e,n,o]);this.weights=a,this.low=l==="float32"?0:s,this.step=l==="float32"?1:i,this.bytes=ge(t)}work(t,e,n,o){return o-n}addRows(t,e,n,o,s,i,a,l){let{weights:c,low:h,step:p}=this;for(let u=0;u<e.length;u++){let m=(t*this.queries+e[u])*this.keys+n,d=u*l+a;for(let f=n;f<o;f++)i[d++]+=s*(h+c[m++]*p)}}};var ye=class r{constructor(t,e){this.first=t;this.ends=e}first;ends;static ofHeads(t,e,n,o){if(!t.arrays.has("runs_of_head"))return new Array(e).fill(r.all(n,o));let s=new Map;return Array.from(K(t,"runs_of_head",[e]).data,i=>{let a=s.get(i);if(!a){let l=Ir(t,`runs.${i}.first`,[n+1]);a=new r(l,Ir(t,`runs.${i}.ends`,[l[n],2])),s.set(i,a)}return a})}static all(t,e){let n=Int32Array.from({length:t+1},(s,i)=>i),o=Int32Array.from({length:2*t},(s,i)=>i%2?e:0);return new r(n,o)}count(t,e,n){let o=0;for(let s=this.first[t];s<this.first[t+1];s++){let i=Math.max(e,this.ends[2*s]),a=Math.min(n,this.ends[2*s+1]);a>i&&(o+=a-i)}return o}};function Ir(r,t,e){let{data:n,dtype:o}=K(r,t,e);if(!(n instanceof Int32Array))throw new Error(`expected "${t}" of int32, got ${o}`);return n}var j=256,Na=20,Nr=2**27,Vt=class{constructor(t){this.packed=t;let e=t.meta,{heads:n,kvHeads:o,queries:s,keys:i,dim:a}=e;this.meta=e,this.heads=n,this.queries=s,this.keys=i,this.received=V(t,"received",[n,i]),this.entropy=V(t,"entropy",[n,s]),this.logsumexp=Rr(t,"logsumexp",[n,s]),this.query=new we(t,"query",n,s,a),this.key=new we(t,"key",o,i,a),this.visible=ye.ofHeads(t,n,s,i),this.masked=t.arrays.has("runs_of_head"),this.bias=Ln.of(t,s,i),this.bytes=ge(t)+Math.min(Nr,4*o*i*a)}packed;meta;heads;queries;keys;received;entropy;bytes;visible;masked;logsumexp;query;key;bias;decoded=new Map;work(t,e,n,o){let s=this.meta.dim+(this.meta.softcap===null?1:3)*Na;return this.visible[t].count(e,n,o)*s}addRows(t,e,n,o,s,i,a,l){let{dim:c,scale:h}=this.meta,{first:p,ends:u}=this.visible[t],m=this.keysOf(t),d=new Float64Array(j),f=new Float64Array(2*j),[g,w]=[f.subarray(0,j),f.subarray(j)],y=new Float64Array(e.length*c);e.forEach((x,A)=>{this.query.read(t,x,h,y,A*c)});let v=(x,A,E,M)=>this.addWeights(t,e[x],A,E,M,s,i,x*l+a+A-n),k=Int32Array.from(e,x=>p[x]);for(let x=n;x<o;x+=j){let A=Math.min(o,x+j),E=-1;for(let M=0;M<e.length;M++){let C=p[e[M]+1],q=k[M];for(;q<C&&u[2*q+1]<=x;)q++;if(k[M]=q,q<C&&u[2*q]<=x&&u[2*q+1]>=A){if(E<0){E=M;continue}Ha(y,E*c,M*c,m,c,x,A,f),v(E,x,A,g),v(M,x,A,w),E=-1;continue}for(;q<C&&u[2*q]<A;q++){let lt=Math.max(x,u[2*q]),rt=Math.min(A,u[2*q+1]);Hr(y,M*c,m,c,lt,rt,d),v(M,lt,rt,d)}}E>=0&&(Hr(y,E*c,m,c,x,A,d),v(E,x,A,d))}}vectorsOf(t){let{dim:e}=this.meta,n=new Float32Array(this.queries*e);for(let o=0;o<this.queries;o++)this.query.read(t,o,1,n,o*e);return{query:n,key:this.keysOf(t).slice()}}biasOf(t){let{bias:e}=this;return e&&((n,o)=>e.at(t,n,o))}addWeights(t,e,n,o,s,i,a,l){let{softcap:c}=this.meta,{bias:h}=this,p=this.logsumexp[t*this.queries+e];if(p===-1/0)return;let u=o-n;if(c!==null)for(let m=0;m<u;m++)s[m]=c*Math.tanh(s[m]/c);if(h)for(let m=0;m<u;m++)s[m]+=h.at(t,e,n+m);for(let m=0;m<u;m++)a[l+m]+=i*Math.exp(s[m]-p)}keysOf(t){let{heads:e,kvHeads:n,dim:o}=this.meta,s=Math.floor(t/(e/n)),i=this.decoded.get(s);if(!i){i=new Float32Array(this.keys*o);for(let l=0;l<this.keys;l++)this.key.read(s,l,1,i,l*o);let a=Math.floor(Nr/Math.max(1,i.byteLength));for(let l of this.decoded.keys()){if(this.decoded.size<Math.max(1,a))break;this.decoded.delete(l)}this.decoded.set(s,i)}return i}};function Hr(r,t,e,n,o,s,i){let a=t+n,l=o;for(;l+4<=s;l+=4){let c=l*n,h=c+n,p=h+n,u=p+n,m=0,d=0,f=0,g=0;for(let w=t;w<a;w++){let y=r[w];m+=y*e[c++],d+=y*e[h++],f+=y*e[p++],g+=y*e[u++]}i[l-o]=m,i[l-o+1]=d,i[l-o+2]=f,i[l-o+3]=g}for(;l<s;l++){let c=0;for(let h=0;h<n;h++)c+=r[t+h]*e[l*n+h];i[l-o]=c}}function Ha(r,t,e,n,o,s,i,a){let l=s;for(;l+4<=i;l+=4){let c=l*o,h=c+o,p=h+o,u=p+o,m=0,d=0,f=0,g=0,w=0,y=0,v=0,k=0;for(let A=0;A<o;A++){let E=r[t+A],M=r[e+A],C=n[c++],q=n[h++],lt=n[p++],rt=n[u++];m+=E*C,d+=E*q,f+=E*lt,g+=E*rt,w+=M*C,y+=M*q,v+=M*lt,k+=M*rt}let x=l-s;a[x]=m,a[x+1]=d,a[x+2]=f,a[x+3]=g,a[j+x]=w,a[j+x+1]=y,a[j+x+2]=v,a[j+x+3]=k}for(;l<i;l++){a[l-s]=0,a[j+l-s]=0;for(let c=0;c<o;c++)a[l-s]+=r[t+c]*n[l*o+c],a[j+l-s]+=r[e+c]*n[l*o+c]}}var we=class{constructor(t,e,n,o,s){this.count=o;this.dim=s;this.values=K(t,e,[n,o,s]),this.steps=this.values.dtype==="float32"?null:V(t,`${e}_step`,[n,o])}count;dim;values;steps;read(t,e,n,o,s){let{data:i}=this.values,a=t*this.count+e,l=this.steps?this.steps[a]*n:n,c=a*this.dim;for(let h=0;h<this.dim;h++)o[s+h]=i[c+h]*l}},Ln=class r{constructor(t,e,n,o,s){this.values=t;this.ofHead=e;this.ofQuery=n;this.ofKey=o;this.start=s}values;ofHead;ofQuery;ofKey;start;static of(t,e,n){let o=t.arrays.get("bias_relative");if(o){let[h]=o.shape,p=V(t,"bias_relative",[h,e+n-1]);return new r(p,h===1?0:e+n-1,-1,1,e-1)}let s=t.arrays.get("bias");if(!s)return null;let[i,a,l]=s.shape,c=V(t,"bias",[i,a===1?1:e,l===1?1:n]);return new r(c,i===1?0:a*l,a===1?0:l,l===1?0:1,0)}at(t,e,n){return this.values[this.start+t*this.ofHead+e*this.ofQuery+n*this.ofKey]}};function Br(r,t){let e=r.arrays.get(`mean.${t}`);if(!e)throw new Error(`expected an overview of map ${t} in the page, got ${[...r.arrays.keys()].join(", ")}`);let[n,o,s]=e.shape;return{heads:n,rows:o,columns:s,mean:Fr(r,t,"mean",e.shape,0),max:Fr(r,t,"max",e.shape,1)}}function Fr(r,t,e,n,o){let{data:s}=K(r,`${e}.${t}`,n);if(s instanceof Float32Array)return s.slice();let[i]=n,a=V(r,`scale.${t}`,[i,2]),l=s.length/i;return Float32Array.from(s,(c,h)=>(c/255)**2*a[2*Math.floor(h/l)+o])}var ve={float32:Float32Array,float64:Float64Array,uint8:Uint8Array,uint16:Uint16Array,int32:Int32Array},xe={int12p:2048,int16p:32768};function Y(r){let{buffer:t,start:e,length:n}=Fa(r),o=new DataView(t,e,n);if(n<8||o.getUint32(0,!0)!==826558290)throw new Error("expected packed bytes that begin with RGD1, got others; is the answer whole?");let s=o.getUint32(4,!0),i=8+s;if(i>n)throw new Error(`expected a description of ${s} bytes, got ${n-8} bytes`);e%8!==0&&(t=t.slice(e,e+n),e=0);let a=new TextDecoder().decode(new Uint8Array(t,e+8,s)),{meta:l,arrays:c}=JSON.parse(a),h=new Map;for(let{name:p,dtype:u,shape:m,offset:d}of c){let f=m.reduce((w,y)=>w*y,1),g=i+d;if(g+ke(u,f)>n)throw new Error(`expected ${ke(u,f)} bytes of ${p}, got ${n-g}`);h.set(p,{dtype:u,shape:m,data:Ba(t,e+g,u,f)})}return{meta:l,arrays:h}}function dt(r,t){let e=0,n=Object.entries(t).map(([c,{dtype:h,shape:p,data:u}])=>{let m=e;return e=zr(m+ke(h,u.length)),{name:c,dtype:h,shape:p,offset:m}}),o=new TextEncoder().encode(JSON.stringify({meta:r,arrays:n})),s=zr(o.length),i=new ArrayBuffer(8+s+e),a=new DataView(i);a.setUint32(0,826558290,!0),a.setUint32(4,s,!0);let l=new Uint8Array(i);l.fill(32,8,8+s),l.set(o,8);for(let{name:c,dtype:h,offset:p}of n)za(l,8+s+p,h,t[c].data);return i}function ft(r,...t){return{dtype:"float32",shape:t,data:r}}function ht(r,t){let e=r.arrays.get(t)?.data;if(!(e instanceof Float32Array))throw new Error(`expected an array "${t}" of float32 in the answer, got none`);return e}function Fa(r){return ArrayBuffer.isView(r)?{buffer:r.buffer,start:r.byteOffset,length:r.byteLength}:{buffer:r,start:0,length:r.byteLength}}function zr(r){return r+7&-8}function ke(r,t){if(r==="int12p")return t+(t+1>>1);if(r==="int16p")return 2*t;if(!(r in ve))throw new Error(`expected a type of ${Object.keys({...ve,...xe})}, got ${r}`);return t*ve[r].BYTES_PER_ELEMENT}function Ba(r,t,e,n){if(e!=="int12p"&&e!=="int16p")return new ve[e](r,t,n);let o=new Uint8Array(r,t,ke(e,n)),s=new Int16Array(n);if(e==="int16p")for(let i=0;i<n;i++)s[i]=(o[i]<<8|o[n+i])-xe.int16p;else for(let i=0;i<n;i++){let a=o[n+(i>>1)]>>4*(i&1)&15;s[i]=(o[i]<<4|a)-xe.int12p}return s}function za(r,t,e,n){if(e!=="int12p"&&e!=="int16p"){r.set(new Uint8Array(n.buffer,n.byteOffset,n.byteLength),t);return}let o=n.length;for(let s=0;s<o;s++){let i=n[s]+xe[e];e==="int16p"?(r[t+s]=i>>8,r[t+o+s]=i&255):(r[t+s]=i>>4,r[t+o+(s>>1)]|=(i&15)<<4*(s&1))}}function ot(r,t){return{tokens:null,words:r.words,characters:r.characters}[t]}var _t=class{constructor(t,e,n,o=null){this.axis=t;this.unit=e;this.hidden=n;this.specials=new Set(t.special);let s=t.tokens.length,i=ot(t,e);if(i===null&&o===null&&!(n&&this.specials.size>0)){this.count=s,this.starts=this.stops=this.runs=null;return}let a=i??Array.from({length:s},(c,h)=>h),l=a.map((c,h)=>({start:c,run:h})).filter(({start:c})=>!(n&&this.specials.has(c))).filter(({start:c})=>o===null||c>=o[0]&&c<o[1]);this.count=l.length,this.starts=Int32Array.from(l,({start:c})=>c),this.stops=Int32Array.from(l,({run:c})=>a[c+1]??s),this.runs=Int32Array.from(l,({run:c})=>c)}axis;unit;hidden;count;starts;stops;runs;specials;start(t){return this.starts?this.starts[t]:t}stop(t){return this.stops?this.stops[t]:t+1}label(t){let{wordTexts:e,characterTexts:n}=this.axis,o={tokens:null,words:e,characters:n}[this.unit];return o&&this.runs?o[this.runs[t]]:this.axis.tokens[this.start(t)]}spelling(t){return(this.axis.spellings??this.axis.tokens).slice(this.start(t),this.stop(t)).join(" ")}special(t){return this.specials.has(this.start(t))}unitOf(t){if(!this.starts||!this.stops)return t>=0&&t<this.count?t:-1;let e=0,n=this.count;for(;e<n;){let o=e+n>>1;this.stops[o]<=t?e=o+1:n=o}return e<this.count&&this.starts[e]<=t?e:-1}cells(t,e,n){let o=Math.min(n,e-t);if(!this.starts)return{start:t,stop:e,count:o};let s=[],i=[];for(let a=0;a<o;a++)s.push(this.start(t+Math.floor(a*(e-t)/o))),i.push(this.stop(t+Math.floor((a+1)*(e-t)/o)-1));return{starts:s,stops:i}}};function Gr(r){if("starts"in r)return{starts:r.starts,stops:r.stops,count:r.starts.length};let{start:t,stop:e,count:n}=r,o=a=>t+Math.floor(a*(e-t)/n),s=Array.from({length:n},(a,l)=>o(l)),i=Array.from({length:n},(a,l)=>o(l+1));return{starts:s,stops:i,count:n}}function jt(r,t){let{starts:e,stops:n,count:o}=Gr(r),s=new Int32Array(o+1),i=0;for(let c=0;c<o;c++)i+=n[c]-e[c];let a=new Int32Array(i),l=0;for(let c=0;c<o;c++){for(let h=e[c];h<n[c];h++)t.has(h)||(a[l++]=h);s[c+1]=l}return{count:o,first:s,positions:a.subarray(0,l)}}function Ur(r,t){let{count:e}=r,n=new Int32Array(e+1);for(let s=0;s<e;s++)n[s+1]=n[s]+Math.min(t,r.first[s+1]-r.first[s]);let o=new Int32Array(n[e]);for(let s=0;s<e;s++){let i=r.first[s+1]-r.first[s],a=n[s+1]-n[s];for(let l=0;l<a;l++)o[n[s]+l]=r.positions[r.first[s]+Math.floor((2*l+1)*i/(2*a))]}return{count:e,first:n,positions:o}}function Vr(r){let t=0;for(let e=0;e<r.count;e++)t=Math.max(t,r.first[e+1]-r.first[e]);return t}function _r(r){let t=new Int32Array(r.positions.length);for(let e=0;e<r.count;e++)t.fill(e,r.first[e],r.first[e+1]);return t}function jr(r,t){let e=r.positions.slice().sort(),n=[];for(let o of e)n.length===0||o>=n[n.length-1]+t?n.push(o,o+1):n[n.length-1]=Math.max(n[n.length-1],o+1);return Int32Array.from(n)}var Ga=4e9,Ua=2**22,Va=2**18,_a=64,ja=32,Ae=new Set;function*Wr(r,t,e,n=Ga){let{heads:o,how:s,renormalise:i}=e,a=e.hideSpecial?t:{rows:Ae,columns:Ae},l=jt(e.columns,a.columns),c=i?Int32Array.of(0,r.keys):jr(l,ja),h=jt(e.rows,a.rows),{members:p,sample:u}=Da(r,o,h,c,e.sample,n),m=new Float64Array(p.count*l.count).fill(s==="max"?-1/0:0),{width:d,place:f}=Wa(c),g=l.positions.map(f),w=_r(p);for(let y of Yr(r,o,p.positions,c,d)){if(y)for(let v=0;v<y.count;v++){let k=y.weights.subarray(v*d,(v+1)*d);i&&Ka(k,a.columns);let x=w[y.start+v]*l.count;s==="max"?Ja(k,l.first,g,m,x):Ya(k,l.first,g,m,x)}yield}return{rows:p.count,columns:l.count,values:Xa(m,p,l,s),sampled:u,every:1}}function*Kr(r,t,e){let{heads:n}=e,o=e.hideSpecial?t:{rows:Ae,columns:Ae},s=jt(e.columns,o.columns),i=jt(e.rows,o.rows),a=On(s,h=>Dr(r.received,n,r.keys,h)),l=h=>Dr(r.entropy,n,r.queries,h);if(n.length===1||n.length*r.queries*r.keys>Ua)return{received:a,entropy:On(i,l),sampled:0};let c=new Float64Array(i.positions.length);for(let h of Yr(r,n,i.positions,Int32Array.of(0,r.keys),r.keys)){if(h)for(let p=0;p<h.count;p++)c[h.start+p]=Qa(h.weights.subarray(p*r.keys,(p+1)*r.keys));yield}return{received:a,entropy:On(i,(h,p)=>c[p]),sampled:0}}function Da(r,t,e,n,o,s){let i=Vr(e),a=h=>h>=i?e:Ur(e,h),l=h=>{let p=0;for(let u of t)for(let m of h.positions)for(let d=0;d<n.length;d+=2)p+=r.work(u,m,n[d],n[d+1]);return p},c=o>0?Math.min(o,i):i;if(c>1&&l(a(c))>s){let h=c;for(c=1;h-c>1;){let p=c+h>>1;l(a(p))>s?h=p:c=p}}return{members:a(c),sample:c<i?c:0}}function*Yr(r,t,e,n,o){let s=Math.max(1,Math.min(_a,Math.floor(Va/Math.max(1,o)),e.length)),i=new Float32Array(s*o);for(let a=0;a<e.length;a+=s){let l=e.subarray(a,a+s);i.fill(0);for(let c of t){let h=0;for(let p=0;p<n.length;p+=2)r.addRows(c,l,n[p],n[p+1],1/t.length,i,h,o),h+=n[p+1]-n[p];yield null}yield{start:a,count:l.length,weights:i}}}function Wa(r){let t=[],e=0;for(let o=0;o<r.length;o+=2)t.push(e),e+=r[o+1]-r[o];return{width:e,place:o=>{let s=0,i=t.length-1;for(;s<i;){let a=s+i+1>>1;r[2*a]<=o?s=a:i=a-1}return t[s]+o-r[2*s]}}}function Ka(r,t){let e=t.size>0?r.slice():r;for(let o of t)e[o]=0;let n=0;for(let o of e)n+=o;if(n!==0)for(let o=0;o<r.length;o++)r[o]/=n}function Ya(r,t,e,n,o){for(let s=0;s<t.length-1;s++){let i=0;for(let a=t[s];a<t[s+1];a++)i+=r[e[a]];n[o+s]+=i}}function Ja(r,t,e,n,o){for(let s=0;s<t.length-1;s++){let i=n[o+s];for(let a=t[s];a<t[s+1];a++){let l=r[e[a]];l>i&&(i=l)}n[o+s]=i}}function Xa(r,t,e,n){let o=new Float32Array(r.length);for(let s=0;s<t.count;s++){let i=t.first[s+1]-t.first[s];for(let a=0;a<e.count;a++){let l=e.first[a+1]-e.first[a],c=s*e.count+a;i===0||l===0||(o[c]=n==="max"?r[c]:r[c]/(n==="mean"?i*l:i))}}return o}function On(r,t){let e=new Float32Array(r.count);for(let n=0;n<r.count;n++){let o=0;for(let s=r.first[n];s<r.first[n+1];s++)o+=t(r.positions[s],s);e[n]=o/Math.max(1,r.first[n+1]-r.first[n])}return e}function Dr(r,t,e,n){let o=0;for(let s of t)o+=r[s*e+n];return o/t.length}function Qa(r){let t=0;for(let e of r)e>0&&(t-=e*Math.log(e));return t}var Jr=2**20;function Xr(r,t){let{queries:e,keys:n,meta:o}=r,{dim:s,scale:i,softcap:a}=o;if(e*n>Jr)throw new Error(`expected a map of at most ${Jr} weights, got ${e} \xD7 ${n}; its steps are not shown`);let{query:l,key:c}=r.vectorsOf(t),h=A=>{let E=new Float64Array(e*n);for(let M=0,C=0;M<e;M++)for(let q=0;q<n;q++,C++)E[C]=A(M,q,C);return E},p=h((A,E)=>{let M=0;for(let C=0;C<s;C++)M+=l[A*s+C]*c[E*s+C];return M}),u=h((A,E,M)=>p[M]*i),m=a===null?null:h((A,E,M)=>a*Math.tanh(u[M]/a)),d=r.biasOf(t),f=d&&h((A,E,M)=>(m??u)[M]+d(A,E)),g=f??m??u,w=r.visible[t],y=r.masked?h((A,E,M)=>w.count(A,E,E+1)?g[M]:-1/0):null,v=h((A,E,M)=>{let C=r.logsumexp[t*e+A];return C===-1/0?0:Math.exp((y??g)[M]-C)}),k=Za(r,t),x=r.packed.arrays.has("sinks")?V(r.packed,"sinks",[r.heads])[t]:-1/0;return{queries:e,keys:n,dim:s,scale:i,softcap:a,sink:Number.isFinite(x)?x:null,query:l,key:c,value:k?.vectors??null,valueDim:k?k.dim:0,scores:Float32Array.from(p),scaled:Float32Array.from(u),capped:m&&Float32Array.from(m),biased:f&&Float32Array.from(f),masked:y&&Float32Array.from(y),weights:Float32Array.from(v),output:k&&tl(v,k.vectors,e,n,k.dim)}}function Za(r,t){let{heads:e,kvHeads:n}=r.meta,o=r.packed.arrays.get("value");if(!o)return null;let s=o.shape[2],i=V(r.packed,"value",[n,r.keys,s]),a=Math.floor(t/(e/n))*r.keys*s;return{vectors:i.slice(a,a+r.keys*s),dim:s}}function tl(r,t,e,n,o){let s=new Float32Array(e*o);for(let i=0;i<e;i++)for(let a=0;a<o;a++){let l=0;for(let c=0;c<n;c++)l+=r[i*n+c]*t[c*o+a];s[i*o+a]=l}return s}function Qr({rows:r,columns:t,values:e,sampled:n,every:o}){return dt({rows:r,columns:t,sampled:n,every:o},{values:ft(e,r,t)})}function Zr(r){let t=Y(r),{rows:e,columns:n,sampled:o,every:s}=t.meta;return{rows:e,columns:n,sampled:o,every:s,values:ht(t,"values")}}function to({received:r,entropy:t,sampled:e}){return dt({sampled:e},{received:ft(r,r.length),entropy:ft(t,t.length)})}function eo(r){let t=Y(r),{sampled:e}=t.meta;return{sampled:e,received:ht(t,"received"),entropy:ht(t,"entropy")}}function no({heads:r,rows:t,columns:e,mean:n,max:o}){let s=[r,t,e];return dt({heads:r,rows:t,columns:e},{mean:ft(n,...s),max:ft(o,...s)})}function ro(r){let t=Y(r),{heads:e,rows:n,columns:o}=t.meta;return{heads:e,rows:n,columns:o,mean:ht(t,"mean"),max:ht(t,"max")}}function oo(r){let{queries:t,keys:e,dim:n,scale:o,softcap:s,sink:i,valueDim:a}=r,l={queries:t,keys:e,dim:n,scale:o,softcap:s,sink:i,valueDim:a},c={},h=(p,u,m)=>{let d=r[p];d&&(c[p]=ft(d,u,m))};h("query",t,n),h("key",e,n),h("value",e,a);for(let p of["scores","scaled","capped","biased","masked","weights"])h(p,t,e);return h("output",t,a),dt(l,c)}function so(r){let t=Y(r),e=o=>ht(t,o),n=o=>t.arrays.has(o)?ht(t,o):null;return{...t.meta,query:e("query"),key:e("key"),value:n("value"),scores:e("scores"),scaled:e("scaled"),capped:n("capped"),biased:n("biased"),masked:n("masked"),weights:e("weights"),output:n("output")}}function Cn(r){return{maps:r.maps.map(({heads:t,queries:e,keys:n,rowAxes:o,columnAxis:s})=>({heads:t,queries:e,keys:n,rowAxes:o,columnAxis:s})),special:Object.fromEntries(Object.entries(r.axes).map(([t,e])=>[t,e.special]))}}var el=2**28,io=2**20,Se=class{constructor(t,e,n){this.shapes=t;this.load=e;this.mostWork=n}shapes;load;mostWork;maps=new Map;sizes=new Map;overviews=null;async begin(t,e){let{map:n}=e,o=this.shapes.maps[n];if(!o)throw new Error(`expected a map from 0 to ${this.shapes.maps.length-1}, got ${n}`);let{rowAxis:s=0}=e;if(!o.rowAxes[s])throw new Error(`expected a row axis below ${o.rowAxes.length}, got ${s}`);let i={rows:new Set(this.shapes.special[o.rowAxes[s]]),columns:new Set(this.shapes.special[o.columnAxis])};switch(t){case"region":{let a=e,[l,c]=co(o,a);if(l*c>io)throw new Error(`expected at most ${io} cells, got ${l} \xD7 ${c}; ask for larger cells`);if(!["mean","max","mass"].includes(a.how))throw new Error(`expected mean, max or mass, got ${a.how}`);return ao(Wr(await this.map(n),i,a,this.mostWork),Qr)}case"margins":return co(o,e),ao(Kr(await this.map(n),i,e),to);case"overview":return this.overviews??=this.unpacked("overviews"),lo(no(Br(await this.overviews,n)));case"steps":{let{head:a}=e;uo(o,a);let l=await this.map(n);if(!(l instanceof Vt))throw new Error(`expected a map kept as queries and keys, got map ${n} of dense weights, which has no steps`);return lo(oo(Xr(l,a)))}default:throw new Error(`expected a question of region, margins, overview and steps, got ${t}`)}}async map(t){let e=this.maps.get(t);this.maps.delete(t),e??=this.unpacked(`map-${t}`).then(nl),this.maps.set(t,e);try{this.sizes.set(t,(await e).bytes)}catch(o){throw this.maps.get(t)===e&&this.maps.delete(t),o}let n=0;for(let o of[...this.maps.keys()].reverse())n+=this.sizes.get(o)??0,n>el&&o!==t&&this.maps.delete(o);return e}async unpacked(t){return Y(await this.load(t))}};function nl(r){let{kind:t}=r.meta;if(t==="factors")return new Vt(r);if(t==="dense")return new be(r);throw new Error(`expected a map kept as "factors" or "dense", got ${t}`)}function*ao(r,t){return t(yield*r)}function*lo(r){return r}function co(r,t){let{heads:e,rows:n,columns:o}=t;if(e.length===0)throw new Error("expected one head or more, got none");for(let s of e)uo(r,s);return[ho("rows",n,r.queries),ho("columns",o,r.keys)]}function uo(r,t){if(!(Number.isInteger(t)&&t>=0&&t<r.heads))throw new Error(`expected a head from 0 to ${r.heads-1}, got ${t}`)}function ho(r,t,e){if("starts"in t){let{starts:n,stops:o}=t;if(n.length!==o.length)throw new Error(`${r}: expected as many stops as starts, got ${n.length} and ${o.length}`);return n.forEach((s,i)=>{po(r,s,o[i],e)}),n.length}if(po(r,t.start,t.stop,e),!(Number.isInteger(t.count)&&t.count>=0))throw new Error(`${r}: expected a whole number of cells, got ${t.count}`);return t.count}function po(r,t,e,n){if(!(Number.isInteger(t)&&Number.isInteger(e)&&0<=t&&t<=e&&e<=n))throw new Error(`${r}: expected cells within 0 \u2026 ${n}, got ${t} \u2026 ${e}`)}function mo(r){let t=r.getElementById("regard-manifest")?.textContent;if(!t)throw new Error("expected a manifest in the page (#regard-manifest), got none; is the file whole?");return JSON.parse(t)}function fo(r,t){let e=r.querySelector(`script[data-regard="${t}"]`)?.textContent;if(!e)throw new Error(`expected "${t}" among the data of the page, got none; is the file whole?`);return e}async function go(r){let t=rl(r.trim()),e=new Blob([t]).stream().pipeThrough(new DecompressionStream("gzip"));return new Response(e).arrayBuffer()}function rl(r){return Uint8Array.fromBase64?.(r)??sl(r)}var ol="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";function sl(r){if(r.length%4!==0)throw new Error(`expected base64 in fours of characters, got ${r.length} of them`);let t=new Uint8Array(128).fill(255);for(let a=0;a<64;a++)t[ol.charCodeAt(a)]=a;let e=r.endsWith("==")?2:r.endsWith("=")?1:0,n=r.length-e,o=new Uint8Array(r.length/4*3-e),s=0,i=0;for(let a=0,l=0;a<n;a++){let c=t[r.charCodeAt(a)]??255;i|=c&64,s=s<<6|c,a%4!==0&&(o[l++]=s>>6-2*(a%4))}if(i)throw new Error("expected base64, got other characters among it");return o}var Me=class{constructor(t,e){this.engine=t;this.slice=e}engine;slice;tasks=[];running=!1;async ask(t,e,n){await bo(),n.throwIfAborted();let o=await this.engine.begin(t,e);return new Promise((s,i)=>{this.tasks.push({work:o,slices:0,signal:n,resolve:s,reject:i}),this.running||this.run()})}async run(){for(this.running=!0;this.tasks.length>0;){let t=this.tasks.reduce((e,n)=>n.slices<e.slices?n:e);this.advance(t)&&this.tasks.splice(this.tasks.indexOf(t),1),await bo()}this.running=!1}advance(t){t.slices++;try{t.signal.throwIfAborted();let e=performance.now()+this.slice;do{let{done:n,value:o}=t.work.next();if(n)return t.resolve(o),!0}while(performance.now()<e);return!1}catch(e){return t.reject(e),!0}}};function bo(){return new Promise(r=>{let{port1:t,port2:e}=new MessageChannel;t.onmessage=()=>{t.close(),r()},e.postMessage(null)})}function Dt(r,t){return t?new Promise((e,n)=>{let o=()=>n(t.reason);t.aborted&&o(),t.addEventListener("abort",o,{once:!0}),r.then(e,n).finally(()=>t.removeEventListener("abort",o))}):r}function yo(r,t){let e,n=new Promise(o=>{e=setTimeout(o,r)});return Dt(n,t).finally(()=>clearTimeout(e))}var il=8;function vo(r=document,t=ll){let e=mo(r),n=i=>fo(r,i),o=al(e,n,t).catch(()=>wo(e,n)),s=new AbortController;return{async ask(i,a,l){if(i==="manifest")return dt(e,{});let c=AbortSignal.any([s.signal,...l?[l]:[]]);c.throwIfAborted();let h=await o;c.throwIfAborted();try{return await Dt(h.ask(i,a,c),c)}catch(p){throw p instanceof Ee&&(o=Promise.resolve(wo(e,n))),p}},close(){s.abort(new Error("the viewer is closed")),o.then(i=>i.close())}}}function wo(r,t){let e=new Se(Cn(r),async o=>go(t(o))),n=new Me(e,il);return{ask:(o,s,i)=>n.ask(o,s,i),close(){}}}var Ee=class extends Error{};function al(r,t,e){return new Promise((n,o)=>{let s=e(),i=new Map,a=0,l=null,c=(p,u,m)=>new Promise((d,f)=>{if(l)return f(l);let g=++a;i.set(g,{resolve:d,reject:f}),s.postMessage({id:g,question:p,request:u}),m.addEventListener("abort",()=>i.delete(g)&&s.postMessage({abort:g}),{once:!0})}),h=p=>{try{return{name:p,text:t(p)}}catch(u){return{name:p,error:u.message}}};s.onmessage=({data:p})=>{if("ready"in p)return n({ask:c,close:()=>s.terminate()});if("need"in p)return s.postMessage(h(p.need));let u=i.get(p.id);i.delete(p.id),"error"in p?u?.reject(new Error(p.error)):u?.resolve(p.answer)},s.onerror=({message:p})=>{l=new Ee(`the page's worker stopped (${p||"no reason given"}); ask again`),s.terminate(),o(l);for(let u of i.values())u.reject(l);i.clear()},s.postMessage({shapes:Cn(r)})})}function ll(){let r=URL.createObjectURL(new Blob(['"use strict";(()=>{function I(n,e,t){let r=n.arrays.get(e);if(!r)throw new Error(`expected an array "${e}" in the map\'s data, got ${[...n.arrays.keys()].join(", ")}`);if(r.shape.join()!==t.join())throw new Error(`expected "${e}" of shape (${t.join(", ")}), got (${r.shape.join(", ")})`);return r}function S(n,e,t){let{data:r,dtype:o}=I(n,e,t);if(!(r instanceof Float32Array))throw new Error(`expected "${e}" of float32, got ${o}`);return r}function J(n,e,t){let{data:r,dtype:o}=I(n,e,t);if(!(r instanceof Float64Array))throw new Error(`expected "${e}" of float64, got ${o}`);return r}function D(n){let e=0;for(let{data:t}of n.arrays.values())e+=t.byteLength;return e}var _=class{heads;queries;keys;received;entropy;bytes;weights;low;step;constructor(e){let{heads:t,queries:r,keys:o,low:s,step:i}=e.meta;this.heads=t,this.queries=r,this.keys=o,this.received=S(e,"received",[t,o]),this.entropy=S(e,"entropy",[t,r]);let{data:a,dtype:c}=I(e,"weights",[t,r,o]);this.weights=a,this.low=c==="float32"?0:s,this.step=c==="float32"?1:i,this.bytes=D(e)}work(e,t,r,o){return o-r}addRows(e,t,r,o,s,i,a,c){let{weights:l,low:u,step:f}=this;for(let p=0;p<t.length;p++){let m=(e*this.queries+t[p])*this.keys+r,b=p*c+a;for(let A=r;A<o;A++)i[b++]+=s*(u+l[m++]*f)}}};var j=class n{constructor(e,t){this.first=e;this.ends=t}first;ends;static ofHeads(e,t,r,o){if(!e.arrays.has("runs_of_head"))return new Array(t).fill(n.all(r,o));let s=new Map;return Array.from(I(e,"runs_of_head",[t]).data,i=>{let a=s.get(i);if(!a){let c=Q(e,`runs.${i}.first`,[r+1]);a=new n(c,Q(e,`runs.${i}.ends`,[c[r],2])),s.set(i,a)}return a})}static all(e,t){let r=Int32Array.from({length:e+1},(s,i)=>i),o=Int32Array.from({length:2*e},(s,i)=>i%2?t:0);return new n(r,o)}count(e,t,r){let o=0;for(let s=this.first[e];s<this.first[e+1];s++){let i=Math.max(t,this.ends[2*s]),a=Math.min(r,this.ends[2*s+1]);a>i&&(o+=a-i)}return o}};function Q(n,e,t){let{data:r,dtype:o}=I(n,e,t);if(!(r instanceof Int32Array))throw new Error(`expected "${e}" of int32, got ${o}`);return r}var E=256,Ee=20,X=2**27,U=class{constructor(e){this.packed=e;let t=e.meta,{heads:r,kvHeads:o,queries:s,keys:i,dim:a}=t;this.meta=t,this.heads=r,this.queries=s,this.keys=i,this.received=S(e,"received",[r,i]),this.entropy=S(e,"entropy",[r,s]),this.logsumexp=J(e,"logsumexp",[r,s]),this.query=new W(e,"query",r,s,a),this.key=new W(e,"key",o,i,a),this.visible=j.ofHeads(e,r,s,i),this.masked=e.arrays.has("runs_of_head"),this.bias=z.of(e,s,i),this.bytes=D(e)+Math.min(X,4*o*i*a)}packed;meta;heads;queries;keys;received;entropy;bytes;visible;masked;logsumexp;query;key;bias;decoded=new Map;work(e,t,r,o){let s=this.meta.dim+(this.meta.softcap===null?1:3)*Ee;return this.visible[e].count(t,r,o)*s}addRows(e,t,r,o,s,i,a,c){let{dim:l,scale:u}=this.meta,{first:f,ends:p}=this.visible[e],m=this.keysOf(e),b=new Float64Array(E),A=new Float64Array(2*E),[x,O]=[A.subarray(0,E),A.subarray(E)],g=new Float64Array(t.length*l);t.forEach((h,d)=>{this.query.read(e,h,u,g,d*l)});let M=(h,d,w,y)=>this.addWeights(e,t[h],d,w,y,s,i,h*c+a+d-r),F=Int32Array.from(t,h=>f[h]);for(let h=r;h<o;h+=E){let d=Math.min(o,h+E),w=-1;for(let y=0;y<t.length;y++){let k=f[t[y]+1],v=F[y];for(;v<k&&p[2*v+1]<=h;)v++;if(F[y]=v,v<k&&p[2*v]<=h&&p[2*v+1]>=d){if(w<0){w=y;continue}Ie(g,w*l,y*l,m,l,h,d,A),M(w,h,d,x),M(y,h,d,O),w=-1;continue}for(;v<k&&p[2*v]<d;v++){let B=Math.max(h,p[2*v]),R=Math.min(d,p[2*v+1]);Z(g,y*l,m,l,B,R,b),M(y,B,R,b)}}w>=0&&(Z(g,w*l,m,l,h,d,b),M(w,h,d,b))}}vectorsOf(e){let{dim:t}=this.meta,r=new Float32Array(this.queries*t);for(let o=0;o<this.queries;o++)this.query.read(e,o,1,r,o*t);return{query:r,key:this.keysOf(e).slice()}}biasOf(e){let{bias:t}=this;return t&&((r,o)=>t.at(e,r,o))}addWeights(e,t,r,o,s,i,a,c){let{softcap:l}=this.meta,{bias:u}=this,f=this.logsumexp[e*this.queries+t];if(f===-1/0)return;let p=o-r;if(l!==null)for(let m=0;m<p;m++)s[m]=l*Math.tanh(s[m]/l);if(u)for(let m=0;m<p;m++)s[m]+=u.at(e,t,r+m);for(let m=0;m<p;m++)a[c+m]+=i*Math.exp(s[m]-f)}keysOf(e){let{heads:t,kvHeads:r,dim:o}=this.meta,s=Math.floor(e/(t/r)),i=this.decoded.get(s);if(!i){i=new Float32Array(this.keys*o);for(let c=0;c<this.keys;c++)this.key.read(s,c,1,i,c*o);let a=Math.floor(X/Math.max(1,i.byteLength));for(let c of this.decoded.keys()){if(this.decoded.size<Math.max(1,a))break;this.decoded.delete(c)}this.decoded.set(s,i)}return i}};function Z(n,e,t,r,o,s,i){let a=e+r,c=o;for(;c+4<=s;c+=4){let l=c*r,u=l+r,f=u+r,p=f+r,m=0,b=0,A=0,x=0;for(let O=e;O<a;O++){let g=n[O];m+=g*t[l++],b+=g*t[u++],A+=g*t[f++],x+=g*t[p++]}i[c-o]=m,i[c-o+1]=b,i[c-o+2]=A,i[c-o+3]=x}for(;c<s;c++){let l=0;for(let u=0;u<r;u++)l+=n[e+u]*t[c*r+u];i[c-o]=l}}function Ie(n,e,t,r,o,s,i,a){let c=s;for(;c+4<=i;c+=4){let l=c*o,u=l+o,f=u+o,p=f+o,m=0,b=0,A=0,x=0,O=0,g=0,M=0,F=0;for(let d=0;d<o;d++){let w=n[e+d],y=n[t+d],k=r[l++],v=r[u++],B=r[f++],R=r[p++];m+=w*k,b+=w*v,A+=w*B,x+=w*R,O+=y*k,g+=y*v,M+=y*B,F+=y*R}let h=c-s;a[h]=m,a[h+1]=b,a[h+2]=A,a[h+3]=x,a[E+h]=O,a[E+h+1]=g,a[E+h+2]=M,a[E+h+3]=F}for(;c<i;c++){a[c-s]=0,a[E+c-s]=0;for(let l=0;l<o;l++)a[c-s]+=n[e+l]*r[c*o+l],a[E+c-s]+=n[t+l]*r[c*o+l]}}var W=class{constructor(e,t,r,o,s){this.count=o;this.dim=s;this.values=I(e,t,[r,o,s]),this.steps=this.values.dtype==="float32"?null:S(e,`${t}_step`,[r,o])}count;dim;values;steps;read(e,t,r,o,s){let{data:i}=this.values,a=e*this.count+t,c=this.steps?this.steps[a]*r:r,l=a*this.dim;for(let u=0;u<this.dim;u++)o[s+u]=i[l+u]*c}},z=class n{constructor(e,t,r,o,s){this.values=e;this.ofHead=t;this.ofQuery=r;this.ofKey=o;this.start=s}values;ofHead;ofQuery;ofKey;start;static of(e,t,r){let o=e.arrays.get("bias_relative");if(o){let[u]=o.shape,f=S(e,"bias_relative",[u,t+r-1]);return new n(f,u===1?0:t+r-1,-1,1,t-1)}let s=e.arrays.get("bias");if(!s)return null;let[i,a,c]=s.shape,l=S(e,"bias",[i,a===1?1:t,c===1?1:r]);return new n(l,i===1?0:a*c,a===1?0:c,c===1?0:1,0)}at(e,t,r){return this.values[this.start+e*this.ofHead+t*this.ofQuery+r*this.ofKey]}};function te(n,e){let t=n.arrays.get(`mean.${e}`);if(!t)throw new Error(`expected an overview of map ${e} in the page, got ${[...n.arrays.keys()].join(", ")}`);let[r,o,s]=t.shape;return{heads:r,rows:o,columns:s,mean:ee(n,e,"mean",t.shape,0),max:ee(n,e,"max",t.shape,1)}}function ee(n,e,t,r,o){let{data:s}=I(n,`${t}.${e}`,r);if(s instanceof Float32Array)return s.slice();let[i]=r,a=S(n,`scale.${e}`,[i,2]),c=s.length/i;return Float32Array.from(s,(l,u)=>(l/255)**2*a[2*Math.floor(u/c)+o])}var N={float32:Float32Array,float64:Float64Array,uint8:Uint8Array,uint16:Uint16Array,int32:Int32Array},q={int12p:2048,int16p:32768};function K(n){let{buffer:e,start:t,length:r}=$e(n),o=new DataView(e,t,r);if(r<8||o.getUint32(0,!0)!==826558290)throw new Error("expected packed bytes that begin with RGD1, got others; is the answer whole?");let s=o.getUint32(4,!0),i=8+s;if(i>r)throw new Error(`expected a description of ${s} bytes, got ${r-8} bytes`);t%8!==0&&(e=e.slice(t,t+r),t=0);let a=new TextDecoder().decode(new Uint8Array(e,t+8,s)),{meta:c,arrays:l}=JSON.parse(a),u=new Map;for(let{name:f,dtype:p,shape:m,offset:b}of l){let A=m.reduce((O,g)=>O*g,1),x=i+b;if(x+C(p,A)>r)throw new Error(`expected ${C(p,A)} bytes of ${f}, got ${r-x}`);u.set(f,{dtype:p,shape:m,data:Be(e,t+x,p,A)})}return{meta:c,arrays:u}}function T(n,e){let t=0,r=Object.entries(e).map(([l,{dtype:u,shape:f,data:p}])=>{let m=t;return t=re(m+C(u,p.length)),{name:l,dtype:u,shape:f,offset:m}}),o=new TextEncoder().encode(JSON.stringify({meta:n,arrays:r})),s=re(o.length),i=new ArrayBuffer(8+s+t),a=new DataView(i);a.setUint32(0,826558290,!0),a.setUint32(4,s,!0);let c=new Uint8Array(i);c.fill(32,8,8+s),c.set(o,8);for(let{name:l,dtype:u,offset:f}of r)Re(c,8+s+f,u,e[l].data);return i}function $(n,...e){return{dtype:"float32",shape:e,data:n}}function $e(n){return ArrayBuffer.isView(n)?{buffer:n.buffer,start:n.byteOffset,length:n.byteLength}:{buffer:n,start:0,length:n.byteLength}}function re(n){return n+7&-8}function C(n,e){if(n==="int12p")return e+(e+1>>1);if(n==="int16p")return 2*e;if(!(n in N))throw new Error(`expected a type of ${Object.keys({...N,...q})}, got ${n}`);return e*N[n].BYTES_PER_ELEMENT}function Be(n,e,t,r){if(t!=="int12p"&&t!=="int16p")return new N[t](n,e,r);let o=new Uint8Array(n,e,C(t,r)),s=new Int16Array(r);if(t==="int16p")for(let i=0;i<r;i++)s[i]=(o[i]<<8|o[r+i])-q.int16p;else for(let i=0;i<r;i++){let a=o[r+(i>>1)]>>4*(i&1)&15;s[i]=(o[i]<<4|a)-q.int12p}return s}function Re(n,e,t,r){if(t!=="int12p"&&t!=="int16p"){n.set(new Uint8Array(r.buffer,r.byteOffset,r.byteLength),e);return}let o=r.length;for(let s=0;s<o;s++){let i=r[s]+q[t];t==="int16p"?(n[e+s]=i>>8,n[e+o+s]=i&255):(n[e+s]=i>>4,n[e+o+(s>>1)]|=(i&15)<<4*(s&1))}}function ne(n){if("starts"in n)return{starts:n.starts,stops:n.stops,count:n.starts.length};let{start:e,stop:t,count:r}=n,o=a=>e+Math.floor(a*(t-e)/r),s=Array.from({length:r},(a,c)=>o(c)),i=Array.from({length:r},(a,c)=>o(c+1));return{starts:s,stops:i,count:r}}function P(n,e){let{starts:t,stops:r,count:o}=ne(n),s=new Int32Array(o+1),i=0;for(let l=0;l<o;l++)i+=r[l]-t[l];let a=new Int32Array(i),c=0;for(let l=0;l<o;l++){for(let u=t[l];u<r[l];u++)e.has(u)||(a[c++]=u);s[l+1]=c}return{count:o,first:s,positions:a.subarray(0,c)}}function oe(n,e){let{count:t}=n,r=new Int32Array(t+1);for(let s=0;s<t;s++)r[s+1]=r[s]+Math.min(e,n.first[s+1]-n.first[s]);let o=new Int32Array(r[t]);for(let s=0;s<t;s++){let i=n.first[s+1]-n.first[s],a=r[s+1]-r[s];for(let c=0;c<a;c++)o[r[s]+c]=n.positions[n.first[s]+Math.floor((2*c+1)*i/(2*a))]}return{count:t,first:r,positions:o}}function se(n){let e=0;for(let t=0;t<n.count;t++)e=Math.max(e,n.first[t+1]-n.first[t]);return e}function ae(n){let e=new Int32Array(n.positions.length);for(let t=0;t<n.count;t++)e.fill(t,n.first[t],n.first[t+1]);return e}function ie(n,e){let t=n.positions.slice().sort(),r=[];for(let o of t)r.length===0||o>=r[r.length-1]+e?r.push(o,o+1):r[r.length-1]=Math.max(r[r.length-1],o+1);return Int32Array.from(r)}var Ue=4e9,Te=2**22,Pe=2**18,De=64,_e=32,L=new Set;function*le(n,e,t,r=Ue){let{heads:o,how:s,renormalise:i}=t,a=t.hideSpecial?e:{rows:L,columns:L},c=P(t.columns,a.columns),l=i?Int32Array.of(0,n.keys):ie(c,_e),u=P(t.rows,a.rows),{members:f,sample:p}=je(n,o,u,l,t.sample,r),m=new Float64Array(f.count*c.count).fill(s==="max"?-1/0:0),{width:b,place:A}=We(l),x=c.positions.map(A),O=ae(f);for(let g of fe(n,o,f.positions,l,b)){if(g)for(let M=0;M<g.count;M++){let F=g.weights.subarray(M*b,(M+1)*b);i&&Ne(F,a.columns);let h=O[g.start+M]*c.count;s==="max"?Ce(F,c.first,x,m,h):qe(F,c.first,x,m,h)}yield}return{rows:f.count,columns:c.count,values:Le(m,f,c,s),sampled:p,every:1}}function*ue(n,e,t){let{heads:r}=t,o=t.hideSpecial?e:{rows:L,columns:L},s=P(t.columns,o.columns),i=P(t.rows,o.rows),a=Y(s,u=>ce(n.received,r,n.keys,u)),c=u=>ce(n.entropy,r,n.queries,u);if(r.length===1||r.length*n.queries*n.keys>Te)return{received:a,entropy:Y(i,c),sampled:0};let l=new Float64Array(i.positions.length);for(let u of fe(n,r,i.positions,Int32Array.of(0,n.keys),n.keys)){if(u)for(let f=0;f<u.count;f++)l[u.start+f]=Ge(u.weights.subarray(f*n.keys,(f+1)*n.keys));yield}return{received:a,entropy:Y(i,(u,f)=>l[f]),sampled:0}}function je(n,e,t,r,o,s){let i=se(t),a=u=>u>=i?t:oe(t,u),c=u=>{let f=0;for(let p of e)for(let m of u.positions)for(let b=0;b<r.length;b+=2)f+=n.work(p,m,r[b],r[b+1]);return f},l=o>0?Math.min(o,i):i;if(l>1&&c(a(l))>s){let u=l;for(l=1;u-l>1;){let f=l+u>>1;c(a(f))>s?u=f:l=f}}return{members:a(l),sample:l<i?l:0}}function*fe(n,e,t,r,o){let s=Math.max(1,Math.min(De,Math.floor(Pe/Math.max(1,o)),t.length)),i=new Float32Array(s*o);for(let a=0;a<t.length;a+=s){let c=t.subarray(a,a+s);i.fill(0);for(let l of e){let u=0;for(let f=0;f<r.length;f+=2)n.addRows(l,c,r[f],r[f+1],1/e.length,i,u,o),u+=r[f+1]-r[f];yield null}yield{start:a,count:c.length,weights:i}}}function We(n){let e=[],t=0;for(let o=0;o<n.length;o+=2)e.push(t),t+=n[o+1]-n[o];return{width:t,place:o=>{let s=0,i=e.length-1;for(;s<i;){let a=s+i+1>>1;n[2*a]<=o?s=a:i=a-1}return e[s]+o-n[2*s]}}}function Ne(n,e){let t=e.size>0?n.slice():n;for(let o of e)t[o]=0;let r=0;for(let o of t)r+=o;if(r!==0)for(let o=0;o<n.length;o++)n[o]/=r}function qe(n,e,t,r,o){for(let s=0;s<e.length-1;s++){let i=0;for(let a=e[s];a<e[s+1];a++)i+=n[t[a]];r[o+s]+=i}}function Ce(n,e,t,r,o){for(let s=0;s<e.length-1;s++){let i=r[o+s];for(let a=e[s];a<e[s+1];a++){let c=n[t[a]];c>i&&(i=c)}r[o+s]=i}}function Le(n,e,t,r){let o=new Float32Array(n.length);for(let s=0;s<e.count;s++){let i=e.first[s+1]-e.first[s];for(let a=0;a<t.count;a++){let c=t.first[a+1]-t.first[a],l=s*t.count+a;i===0||c===0||(o[l]=r==="max"?n[l]:n[l]/(r==="mean"?i*c:i))}}return o}function Y(n,e){let t=new Float32Array(n.count);for(let r=0;r<n.count;r++){let o=0;for(let s=n.first[r];s<n.first[r+1];s++)o+=e(n.positions[s],s);t[r]=o/Math.max(1,n.first[r+1]-n.first[r])}return t}function ce(n,e,t,r){let o=0;for(let s of e)o+=n[s*t+r];return o/e.length}function Ge(n){let e=0;for(let t of n)t>0&&(e-=t*Math.log(t));return e}var me=2**20;function pe(n,e){let{queries:t,keys:r,meta:o}=n,{dim:s,scale:i,softcap:a}=o;if(t*r>me)throw new Error(`expected a map of at most ${me} weights, got ${t} \\xD7 ${r}; its steps are not shown`);let{query:c,key:l}=n.vectorsOf(e),u=d=>{let w=new Float64Array(t*r);for(let y=0,k=0;y<t;y++)for(let v=0;v<r;v++,k++)w[k]=d(y,v,k);return w},f=u((d,w)=>{let y=0;for(let k=0;k<s;k++)y+=c[d*s+k]*l[w*s+k];return y}),p=u((d,w,y)=>f[y]*i),m=a===null?null:u((d,w,y)=>a*Math.tanh(p[y]/a)),b=n.biasOf(e),A=b&&u((d,w,y)=>(m??p)[y]+b(d,w)),x=A??m??p,O=n.visible[e],g=n.masked?u((d,w,y)=>O.count(d,w,w+1)?x[y]:-1/0):null,M=u((d,w,y)=>{let k=n.logsumexp[e*t+d];return k===-1/0?0:Math.exp((g??x)[y]-k)}),F=He(n,e),h=n.packed.arrays.has("sinks")?S(n.packed,"sinks",[n.heads])[e]:-1/0;return{queries:t,keys:r,dim:s,scale:i,softcap:a,sink:Number.isFinite(h)?h:null,query:c,key:l,value:F?.vectors??null,valueDim:F?F.dim:0,scores:Float32Array.from(f),scaled:Float32Array.from(p),capped:m&&Float32Array.from(m),biased:A&&Float32Array.from(A),masked:g&&Float32Array.from(g),weights:Float32Array.from(M),output:F&&Ve(M,F.vectors,t,r,F.dim)}}function He(n,e){let{heads:t,kvHeads:r}=n.meta,o=n.packed.arrays.get("value");if(!o)return null;let s=o.shape[2],i=S(n.packed,"value",[r,n.keys,s]),a=Math.floor(e/(t/r))*n.keys*s;return{vectors:i.slice(a,a+n.keys*s),dim:s}}function Ve(n,e,t,r,o){let s=new Float32Array(t*o);for(let i=0;i<t;i++)for(let a=0;a<o;a++){let c=0;for(let l=0;l<r;l++)c+=n[i*r+l]*e[l*o+a];s[i*o+a]=c}return s}function ye({rows:n,columns:e,values:t,sampled:r,every:o}){return T({rows:n,columns:e,sampled:r,every:o},{values:$(t,n,e)})}function he({received:n,entropy:e,sampled:t}){return T({sampled:t},{received:$(n,n.length),entropy:$(e,e.length)})}function de({heads:n,rows:e,columns:t,mean:r,max:o}){let s=[n,e,t];return T({heads:n,rows:e,columns:t},{mean:$(r,...s),max:$(o,...s)})}function be(n){let{queries:e,keys:t,dim:r,scale:o,softcap:s,sink:i,valueDim:a}=n,c={queries:e,keys:t,dim:r,scale:o,softcap:s,sink:i,valueDim:a},l={},u=(f,p,m)=>{let b=n[f];b&&(l[f]=$(b,p,m))};u("query",e,r),u("key",t,r),u("value",t,a);for(let f of["scores","scaled","capped","biased","masked","weights"])u(f,e,t);return u("output",e,a),T(c,l)}var ze=2**28,we=2**20,G=class{constructor(e,t,r){this.shapes=e;this.load=t;this.mostWork=r}shapes;load;mostWork;maps=new Map;sizes=new Map;overviews=null;async begin(e,t){let{map:r}=t,o=this.shapes.maps[r];if(!o)throw new Error(`expected a map from 0 to ${this.shapes.maps.length-1}, got ${r}`);let{rowAxis:s=0}=t;if(!o.rowAxes[s])throw new Error(`expected a row axis below ${o.rowAxes.length}, got ${s}`);let i={rows:new Set(this.shapes.special[o.rowAxes[s]]),columns:new Set(this.shapes.special[o.columnAxis])};switch(e){case"region":{let a=t,[c,l]=ve(o,a);if(c*l>we)throw new Error(`expected at most ${we} cells, got ${c} \\xD7 ${l}; ask for larger cells`);if(!["mean","max","mass"].includes(a.how))throw new Error(`expected mean, max or mass, got ${a.how}`);return ge(le(await this.map(r),i,a,this.mostWork),ye)}case"margins":return ve(o,t),ge(ue(await this.map(r),i,t),he);case"overview":return this.overviews??=this.unpacked("overviews"),Ae(de(te(await this.overviews,r)));case"steps":{let{head:a}=t;Me(o,a);let c=await this.map(r);if(!(c instanceof U))throw new Error(`expected a map kept as queries and keys, got map ${r} of dense weights, which has no steps`);return Ae(be(pe(c,a)))}default:throw new Error(`expected a question of region, margins, overview and steps, got ${e}`)}}async map(e){let t=this.maps.get(e);this.maps.delete(e),t??=this.unpacked(`map-${e}`).then(Ke),this.maps.set(e,t);try{this.sizes.set(e,(await t).bytes)}catch(o){throw this.maps.get(e)===t&&this.maps.delete(e),o}let r=0;for(let o of[...this.maps.keys()].reverse())r+=this.sizes.get(o)??0,r>ze&&o!==e&&this.maps.delete(o);return t}async unpacked(e){return K(await this.load(e))}};function Ke(n){let{kind:e}=n.meta;if(e==="factors")return new U(n);if(e==="dense")return new _(n);throw new Error(`expected a map kept as "factors" or "dense", got ${e}`)}function*ge(n,e){return e(yield*n)}function*Ae(n){return n}function ve(n,e){let{heads:t,rows:r,columns:o}=e;if(t.length===0)throw new Error("expected one head or more, got none");for(let s of t)Me(n,s);return[ke("rows",r,n.queries),ke("columns",o,n.keys)]}function Me(n,e){if(!(Number.isInteger(e)&&e>=0&&e<n.heads))throw new Error(`expected a head from 0 to ${n.heads-1}, got ${e}`)}function ke(n,e,t){if("starts"in e){let{starts:r,stops:o}=e;if(r.length!==o.length)throw new Error(`${n}: expected as many stops as starts, got ${r.length} and ${o.length}`);return r.forEach((s,i)=>{xe(n,s,o[i],t)}),r.length}if(xe(n,e.start,e.stop,t),!(Number.isInteger(e.count)&&e.count>=0))throw new Error(`${n}: expected a whole number of cells, got ${e.count}`);return e.count}function xe(n,e,t,r){if(!(Number.isInteger(e)&&Number.isInteger(t)&&0<=e&&e<=t&&t<=r))throw new Error(`${n}: expected cells within 0 \\u2026 ${r}, got ${e} \\u2026 ${t}`)}async function Fe(n){let e=Ye(n.trim()),t=new Blob([e]).stream().pipeThrough(new DecompressionStream("gzip"));return new Response(t).arrayBuffer()}function Ye(n){return Uint8Array.fromBase64?.(n)??Qe(n)}var Je="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";function Qe(n){if(n.length%4!==0)throw new Error(`expected base64 in fours of characters, got ${n.length} of them`);let e=new Uint8Array(128).fill(255);for(let a=0;a<64;a++)e[Je.charCodeAt(a)]=a;let t=n.endsWith("==")?2:n.endsWith("=")?1:0,r=n.length-t,o=new Uint8Array(n.length/4*3-t),s=0,i=0;for(let a=0,c=0;a<r;a++){let l=e[n.charCodeAt(a)]??255;i|=l&64,s=s<<6|l,a%4!==0&&(o[c++]=s>>6-2*(a%4))}if(i)throw new Error("expected base64, got other characters among it");return o}var H=class{constructor(e,t){this.engine=e;this.slice=t}engine;slice;tasks=[];running=!1;async ask(e,t,r){await Oe(),r.throwIfAborted();let o=await this.engine.begin(e,t);return new Promise((s,i)=>{this.tasks.push({work:o,slices:0,signal:r,resolve:s,reject:i}),this.running||this.run()})}async run(){for(this.running=!0;this.tasks.length>0;){let e=this.tasks.reduce((t,r)=>r.slices<t.slices?r:t);this.advance(e)&&this.tasks.splice(this.tasks.indexOf(e),1),await Oe()}this.running=!1}advance(e){e.slices++;try{e.signal.throwIfAborted();let t=performance.now()+this.slice;do{let{done:r,value:o}=e.work.next();if(r)return e.resolve(o),!0}while(performance.now()<t);return!1}catch(t){return e.reject(t),!0}}};function Oe(){return new Promise(n=>{let{port1:e,port2:t}=new MessageChannel;e.onmessage=()=>{e.close(),n()},t.postMessage(null)})}var Xe=25;function Se(n,e){let t=new Map,r=new Map,o=async a=>{let c=r.get(a);return c||(c=Ze(),r.set(a,c),e({need:a},[])),Fe(await c.promise)},s=new H(new G(n,o),Xe),i=async(a,c,l)=>{let u=new AbortController;t.set(a,u);try{let f=await s.ask(c,l,u.signal);u.signal.aborted||e({id:a,answer:f},[f])}catch(f){u.signal.aborted||e({id:a,error:f instanceof Error?f.message:String(f)},[])}t.delete(a)};return a=>{if("question"in a)i(a.id,a.question,a.request);else if("abort"in a)t.get(a.abort)?.abort();else if("name"in a){let c=r.get(a.name);r.delete(a.name),"error"in a?c?.reject(new Error(a.error)):c?.resolve(a.text)}}}function Ze(){let n,e;return{promise:new Promise((r,o)=>{n=r,e=o}),resolve:n,reject:e}}var V=globalThis;V.onmessage=({data:n})=>{if(!("shapes"in n))return;let e=Se(n.shapes,(t,r)=>V.postMessage(t,r));V.onmessage=({data:t})=>e(t),V.postMessage({ready:!0},[])};})();\n'],{type:"text/javascript"}));try{return new Worker(r)}finally{setTimeout(()=>URL.revokeObjectURL(r),6e4)}}var cl=2**26;async function qn(r,t){return Y(await r.ask("manifest",{},t)).meta}function Wt(r,t=cl){let e=new Pn(r,t);return{region:(n,o)=>e.get("region",n,Zr,o),margins:(n,o)=>e.get("margins",n,eo,o),overview:(n,o)=>e.get("overview",{map:n},ro,o),steps:(n,o,s)=>e.get("steps",{map:n,head:o},so,s)}}var Pn=class{constructor(t,e){this.transport=t;this.keptBytes=e}transport;keptBytes;kept=new Map;pending=new Map;bytes=0;async get(t,e,n,o){o?.throwIfAborted();let s=`${t} ${JSON.stringify(e)}`,i=this.kept.get(s);if(i)return this.kept.delete(s),this.kept.set(s,i),i.answer;let a=this.pending.get(s)??this.ask(s,t,e,n);a.askers++;try{return await Dt(a.answer,o)}finally{a.askers--,a.askers===0&&this.pending.get(s)===a&&(this.pending.delete(s),a.controller.abort())}}ask(t,e,n,o){let s=new AbortController,i=this.transport.ask(e,n,s.signal).then(c=>{let h=o(c);return this.keep(t,h,c.byteLength),h}),a={answer:i,askers:0,controller:s};this.pending.set(t,a);let l=()=>{this.pending.get(t)===a&&this.pending.delete(t)};return i.then(l,l),a}keep(t,e,n){if(!(n>this.keptBytes||this.kept.has(t))){this.kept.set(t,{answer:e,bytes:n}),this.bytes+=n;for(let[o,{bytes:s}]of this.kept){if(this.bytes<=this.keptBytes)break;this.kept.delete(o),this.bytes-=s}}}};function xo(r,t=12e4){let e=Math.random().toString(36).slice(2),n=new Map,o=[],s=0,i=!1,a=()=>{for(;n.size<2&&o.length>0;){let h=o.shift(),{id:p,question:u,request:m}=h,d=setTimeout(()=>{l(p)?.reject(new Error(`no answer from the kernel for ${t/1e3} s: it is busy, or gone; run the cell again`))},t);n.set(p,{pending:h,timer:d}),r.send({id:p,question:u,request:m})}},l=h=>{let p=n.get(h);if(p)return clearTimeout(p.timer),n.delete(h),a(),p.pending},c=(h,p)=>{let{id:u,error:m}=h??{};if(typeof u!="string")return;let d=l(u);d&&(m!==void 0?d.reject(new Error(String(m))):p.length!==1?d.reject(new Error(`expected one buffer from the kernel, got ${p.length}`)):d.resolve(hl(p[0])))};return r.on("msg:custom",c),{ask:(h,p,u)=>new Promise((m,d)=>{if(i)return d(new Error("the viewer is closed"));if(u?.aborted)return d(u.reason);let f={id:`${e}-${++s}`,question:h,request:p,resolve:m,reject:d},g=()=>{o=o.filter(w=>w!==f),d(u?.reason)};u?.addEventListener("abort",g,{once:!0}),o.push(f),a()}),close(){i=!0,r.off("msg:custom",c);let h=[...o,...[...n.values()].map(({pending:p})=>p)];for(let{timer:p}of n.values())clearTimeout(p);o=[],n.clear();for(let p of h)p.reject(new Error("the viewer is closed"))}}}function hl(r){let t=new Uint8Array(r.byteLength);return t.set(new Uint8Array(r.buffer,r.byteOffset,r.byteLength)),t.buffer}function st(r,t,e,n=t.heads){let[o,s]=[r.maps[t.map],r.maps[e]],i=n.filter(p=>p<s.heads),a=o.item===s.item&&o.rowAxes.join()===s.rowAxes.join(),l=o.item===s.item&&o.columnAxis===s.columnAxis,c=a?t.query:null,h=l?t.key:null;return{map:e,heads:i.length>0?i:[0],rowAxis:a?t.rowAxis:Math.max(0,s.rowAxes.indexOf(o.rowAxes[t.rowAxis])),viewport:a&&l?t.viewport:null,query:c,key:h,pinned:t.pinned&&(c!==null||h!==null),pair:a&&l?t.pair:"all"}}function ko(r,t,e){let{kind:n,layer:o}=r.maps[t.map],s=r.maps.findIndex(i=>i.item===e&&i.kind===n&&i.layer===o);return s>=0?s:r.maps.findIndex(i=>i.item===e)}function Ao(r,t,e){let{kind:n,item:o}=r.maps[t.map],s=r.maps.flatMap((i,a)=>i.kind===n&&i.item===o?[a]:[]);return s[s.indexOf(t.map)+e]??null}var Tt=["view","map","heads","query","key","unit"],pl=150;function Rn(r){let t=Tt.map(e=>[e,r.get(e)]).filter(([,e])=>e!==void 0);return Object.fromEntries(t)}function Mo(r,t,e){let n,o=!1,s=()=>{n=void 0;let c=Tt.filter(h=>So(r.get(h),t.state[h]));for(let h of c)r.set(h,t.state[h]);c.length>0&&r.save_changes()},i=()=>{o=!1;let c=Rn(r),{map:h=t.state.map,...p}=c,u=h===t.state.map?{}:st(e,t.state,h),d=p.query!==t.state.query||p.key!==t.state.key?{pinned:(p.query??p.key??null)!==null}:{};t.set({...u,...p,map:h,...d})},a=()=>{o||Tt.every(c=>!So(r.get(c),t.state[c]))||(o=!0,clearTimeout(n),n=void 0,queueMicrotask(i))};for(let c of Tt)r.on(`change:${c}`,a);let l=t.subscribe((c,h)=>{!o&&Tt.some(p=>h.has(p))&&(n??=setTimeout(s,pl))});return s(),()=>{clearTimeout(n),l();for(let c of Tt)r.off(`change:${c}`,a)}}function So(r,t){return JSON.stringify(r)!==JSON.stringify(t)}function Eo(r,t){let[e,n]=[r.get("still"),r.get("picture")],s=[...typeof e=="string"&&e!==""?document.querySelectorAll(`[id="${e}"]`):[]];if(s.length===0&&typeof n=="string"&&n.startsWith("data:image/png;base64,")){let a=document.createElement("img");a.src=n,a.alt="attention",a.style.maxWidth="100%",t.append(a),s.push(a)}let i=a=>{for(let l of s)l.hidden=a};return{hide:()=>{i(!0),s[0]?.parentNode===t&&t.replaceChildren()},show:()=>i(!1),say(a){i(!1);let l=document.createElement("p");l.textContent=a,t.append(l)}}}var To=`.compare-pane {
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
`;function b(r,t="",e=""){let n=document.createElement(r);return t&&(n.className=t),e&&(n.textContent=e),n}var ml="http://www.w3.org/2000/svg";function P(r,t,e=""){let n=document.createElementNS(ml,r);for(let[o,s]of Object.entries(t))n.setAttribute(o,String(s));return e&&(n.textContent=e),n}function T(r,t,e){let n=b("button","",r);return n.type="button",t&&(n.title=t),n.addEventListener("click",e),n}function D(r,t,e){let n=b("label","choice"),o=b("select");return gt(o,t),o.addEventListener("change",()=>e(o.value)),n.append(b("span","",r),o),{label:n,control:o}}function gt(r,t){r.replaceChildren(...t.map(([e,n])=>new Option(n,e)))}function $o(r,t){let e=b("label","tick"),n=b("input");return n.type="checkbox",n.addEventListener("change",()=>t(n.checked)),e.append(n,b("span","",r)),{label:e,control:n}}function $t(r,t){let e=n=>{let o=t();for(let s of o)s.tabIndex=s===(n??o[0])?0:-1};return r.addEventListener("keydown",n=>{let o=t(),s=o.indexOf(n.target),i={ArrowLeft:-1,ArrowUp:-1,ArrowRight:1,ArrowDown:1}[n.key],a=i?o[(s+i+o.length)%o.length]:{Home:o[0],End:o.at(-1)}[n.key];s<0||!a||n.ctrlKey||n.altKey||n.metaKey||(n.preventDefault(),e(a),a.focus())}),e}function Te(r,t){if(!t)return;let[e,n]=[r.getBoundingClientRect(),t.getBoundingClientRect()];n.left<e.left?r.scrollLeft-=e.left-n.left+8:n.right>e.right&&(r.scrollLeft+=n.right-e.right+8)}var Lo=`.find-form {
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
`;var fl=new Intl.Segmenter(void 0,{granularity:"grapheme"});function S(r,t=40){if(r==="")return"\u27E8empty\u27E9";if(r.length<=t)return r;let e="",n=0;for(let{segment:o}of fl.segment(r.slice(0,32*t))){if(++n===t)return e.length+o.length===r.length?r:`${e}\u2026`;e+=o}return e===r?r:`${e}\u2026`}var gl=/[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;function z(r){return gl.test(r)?`\u2068${r}\u2069`:r}function L(r){if(r===0)return"0";let t=Math.abs(r);return t>=.0995?r.toFixed(2):t>=95e-5?r.toFixed(3):r.toExponential(1)}function In(r){for(let t=6;t<9;t++){let e=Number(r.toPrecision(t));if(Math.fround(e)===Math.fround(r))return String(e)}return String(Number(r.toPrecision(9)))}function Z(r){return r?In:L}function Kt(r){let t=Math.floor(Math.log10(r)),e=Math.ceil(r/10**t*10-1e-6)/10;return e>=10?`1e${t+1}`:`${e}e${t}`}function $(r){return r.toLocaleString("en-US")}function N(r,t){return t.rowAxis<r.rowAxes.length?t.rowAxis:0}function Nn(r){let t=r.bands?.find(({name:e})=>e==="segments")?.spans??[];return t.length===2?[t[0],t[1]]:null}function Hn(r,t,e){let{axes:n}=r;return Nn(n[t.rowAxes[N(t,e)]])!==null&&Nn(n[t.columnAxis])!==null}function F(r,t){let e=r.maps[t.map],n=t.special==="hidden",o=r.axes[e.rowAxes[N(e,t)]],s=r.axes[e.columnAxis],i=t.pair!=="all"&&Hn(r,e,t),a=(l,c)=>{let h=i?Nn(l):null;return h===null?null:h[t.pair[c]==="a"?0:1]};return{info:e,rows:new _t(o,t.unit,n,a(o,0)),columns:new _t(s,t.unit,n,a(s,2))}}function $e(r,t){let e=[...t.rowAxes,t.columnAxis].map(o=>r.axes[o]);return["tokens","words","characters"].filter(o=>o==="tokens"||e.some(s=>ot(s,o)!==null))}function Lt(r){return r.unit==="tokens"?"mean":"mass"}function bt(r,t,e,n){return{map:r.map,heads:r.heads,rows:t.rows.cells(e[0],e[1],e[1]-e[0]),columns:t.columns.cells(n[0],n[1],n[1]-n[0]),how:Lt(r),hideSpecial:r.special==="hidden",rowAxis:N(t.info,r),renormalise:r.special==="hidden"&&r.renormalise,sample:0}}function O(r,t){let e=r.layer===null?S(r.name||"map",60):`${r.kind} layer ${r.layer}`,n=r.of===null?e:`${S(r.of,40)}: ${e}`;return r.heads===1?n:t.length===1?`${n}, head ${t[0]}`:t.length===r.heads?`${n}, mean of all heads`:`${n}, mean of heads ${t.join(", ")}`}function Fn(r,t,e,n){let o=Math.max(0,Math.min(Math.floor(r),e-1)),s=Math.max(o+1,Math.min(Math.ceil(t),e));return e===0?[0,0]:[o,Math.min(s,o+n)]}var Oo=`.heads-view {
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
`;var Co="system-ui, sans-serif",Po="ui-monospace, monospace";function Bn(r){return`${r.bold?"bold ":""}${r.size}px ${r.mono?Po:Co}`}var wt=class{constructor(t){this.context=t}context;picture=null;rect({x:t,y:e,width:n,height:o},s,i=1){this.context.fillStyle=s,this.context.globalAlpha=i,this.context.fillRect(t,e,n,o),this.context.globalAlpha=1}outline({x:t,y:e,width:n,height:o},s,i){this.context.strokeStyle=s,this.context.lineWidth=i,this.context.strokeRect(t,e,n,o)}line(t,e,n){this.context.strokeStyle=e,this.context.lineWidth=n,this.context.beginPath(),t.forEach(([o,s],i)=>{i===0?this.context.moveTo(o,s):this.context.lineTo(o,s)}),this.context.stroke()}text(t,e,n,o){let{context:s}=this;if(s.font=Bn(o),s.fillStyle=o.colour,s.textBaseline="middle",s.textAlign=o.anchor==="middle"?"center":(o.anchor??"start")==="start"?"left":"right",!o.angle){s.fillText(n,t,e);return}s.save(),s.translate(t,e),s.rotate(o.angle*Math.PI/180),s.fillText(n,0,0),s.restore()}pixels({x:t,y:e,width:n,height:o},s,i,a){i===0||a===0||(this.picture??=document.createElement("canvas"),this.picture.width=i,this.picture.height=a,this.picture.getContext("2d")?.putImageData(new ImageData(s,i,a),0,0),this.context.imageSmoothingEnabled=!1,this.context.drawImage(this.picture,t,e,n,o))}clipped({x:t,y:e,width:n,height:o},s){this.context.save(),this.context.beginPath(),this.context.rect(t,e,n,o),this.context.clip(),s(),this.context.restore()}},Ot=class{constructor(t,e,n){this.width=t;this.height=e;this.encode=n}width;height;encode;parts=[];clips=0;rect({x:t,y:e,width:n,height:o},s,i=1){let a=`fill="${yt(s)}"${i<1?` fill-opacity="${H(i)}"`:""}`;this.parts.push(`<rect ${Yt(t,e)} ${Le(n,o)} ${a}/>`)}outline({x:t,y:e,width:n,height:o},s,i){let a=`fill="none" stroke="${yt(s)}" stroke-width="${H(i)}"`;this.parts.push(`<rect ${Yt(t,e)} ${Le(n,o)} ${a}/>`)}line(t,e,n){let o=t.map(([i,a])=>`${H(i)},${H(a)}`).join(" "),s=`fill="none" stroke="${yt(e)}" stroke-width="${H(n)}"`;this.parts.push(`<polyline points="${o}" ${s}/>`)}text(t,e,n,o){let s=o.angle?` transform="rotate(${H(o.angle)} ${H(t)} ${H(e)})"`:"",i=o.bold?' font-weight="bold"':"";this.parts.push(`<text ${Yt(t,e)} dy="0.35em" font-family="${o.mono?Po:Co}" font-size="${H(o.size)}"${i} fill="${yt(o.colour)}" text-anchor="${o.anchor??"start"}" xml:space="preserve"${s}>${yt(n)}</text>`)}pixels({x:t,y:e,width:n,height:o},s,i,a){i===0||a===0||this.image({x:t,y:e,width:n,height:o},this.encode(s,i,a),"image-rendering:pixelated")}image({x:t,y:e,width:n,height:o},s,i=""){this.parts.push(`<image ${Yt(t,e)} ${Le(n,o)} preserveAspectRatio="none"${i?` style="${i}"`:""} href="${yt(s)}"/>`)}clipped({x:t,y:e,width:n,height:o},s){let i=`clip${++this.clips}`;this.parts.push(`<clipPath id="${i}"><rect ${Yt(t,e)} ${Le(n,o)}/></clipPath>`),this.parts.push(`<g clip-path="url(#${i})">`),s(),this.parts.push("</g>")}shifted(t,e,n){this.parts.push(`<g transform="translate(${H(t)} ${H(e)})">`),n(),this.parts.push("</g>")}document(t){let e=`width="${H(this.width)}" height="${H(this.height)}"`,n=`viewBox="0 0 ${H(this.width)} ${H(this.height)}"`;return`<svg xmlns="http://www.w3.org/2000/svg" ${e} ${n} role="img"><title>${yt(t)}</title>${this.parts.join("")}</svg>`}};function Oe(r,t,e){let n=document.createElement("canvas");return n.width=t,n.height=e,n.getContext("2d")?.putImageData(new ImageData(r,t,e),0,0),n.toDataURL("image/png")}var yl=/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu,wl={"&":"&amp;","<":"&lt;",">":"&gt;",'"':"&quot;","'":"&#39;"};function yt(r){return r.replace(yl,"\uFFFD").replace(/[&<>"']/g,t=>wl[t])}function H(r){return String(Math.round(r*100)/100)}function Yt(r,t){return`x="${H(r)}" y="${H(t)}"`}function Le(r,t){return`width="${H(r)}" height="${H(t)}"`}function Jt(r,{width:t,height:e}){let n=window.devicePixelRatio||1,[o,s]=[Math.round(t*n),Math.round(e*n)];r.width!==o&&(r.width=o),r.height!==s&&(r.height=s);let i=r.getContext("2d");return i?.setTransform(n,0,0,n,0,0),i?.clearRect(0,0,t,e),i}function qo(r,t){let e=new Map;return n=>{let o=e.get(n);return o!==void 0||(r&&(r.font=Bn({size:t})),o=r?r.measureText(n).width:n.length*t*.55,e.size>2e4&&e.clear(),e.set(n,o)),o}}function Ct(r,t,e){let n=[];for(let o of r.split(" ")){let s=`${n[n.length-1]} ${o}`;n.length>0&&e(s)<=t?n[n.length-1]=s:n.push(o)}return n}function Ro(r,t,e){let n=[];for(let o of r.split(" \xB7 ")){let s=n.length>0?`${n[n.length-1]} \xB7 ${o}`:o;n.length>0&&e(s)<=t?n[n.length-1]=s:n.push(o)}return n}function I(r,t,e){return Math.min(Math.max(r,t),e)}function Pt(r,t,e,n){let o=n;for(let s of t){let i=s<0?-s:s;i>o&&i<Number.POSITIVE_INFINITY&&(o=i)}return{name:r,top:r==="row"?1:vl(o,e),signed:e}}function vl(r,t){if(r===0)return 1;let e=10**Math.floor(Math.log10(r)),n=[1,1.5,2,3,4,5,6,8,10].map(s=>s*e).find(s=>s>=r*(1-1e-6)),o=Number((n??10*e).toPrecision(6));return t?o:Math.min(o,Math.max(1,r))}function tt(r,t,e=1){let n=t.name==="row"?e:t.top,o=Math.abs(r);if(!(o>0)||n<=0)return 0;let s=t.name==="log"?xl(o,n):Math.min(o/n,1);return r<0?-s:s}function xl(r,t){return t<=1e-6?r>=t?1:0:Math.min(Math.max(Math.log(r/1e-6)/Math.log(t/1e-6),0),1)}function No(r,t,e,n){let o=new Uint8ClampedArray(r.length*4),s=new Uint32Array(o.buffer),i=Io(n.positive),a=e.signed?Io(n.negative):i,l=e.name==="log"&&e.top>1e-6?255/Math.log(e.top/1e-6):0;for(let c=0,h=0;c<r.length;h++){let p=c+t,u=255/(e.name==="row"?qt(r,h,t)||1:e.top);for(;c<p;c++){let m=r[c],d=m<0?-m:m,f=e.name!=="log"?d*u:d>1e-6?Math.log(d/1e-6)*l:0;s[c]=(m<0?a:i)[f>=255?255:f+.5|0]}}return o}function qt(r,t,e){let n=0;for(let o=t*e;o<(t+1)*e;o++)n=Math.max(n,Math.abs(r[o]));return n}function Io(r){let t=new Uint8ClampedArray(1024);for(let e=0;e<256;e++)t.set([r[3*e],r[3*e+1],r[3*e+2],255],4*e);return new Uint32Array(t.buffer)}function Rt(r,t){let e=r<0?t.negative:t.positive,n=3*Math.round(Math.min(Math.abs(r),1)*255);return[e[n],e[n+1],e[n+2]]}function J(r,t){return`rgb(${Rt(r,t).join(",")})`}function pt(r,t){let[e,n,o]=Rt(r,t).map(s=>{let i=s/255;return i<=.04045?i/12.92:((i+.055)/1.055)**2.4});return .2126*e+.7152*n+.0722*o>.179?"#000000":"#ffffff"}function Ce(r){if(r.name==="row"){let o={place:1,text:"row max"};return r.signed?[{place:0,text:"\u2212row max"},{place:.5,text:"0"},o]:[{place:0,text:"0"},o]}let t=[];if(r.name==="log"){for(let o=Math.ceil(Math.log10(1e-6));10**o<r.top*.5;o+=2)t.push(10**o);t.push(r.top)}else{let o=r.signed?2:4;for(let s=0;s<=o;s++)t.push(r.top*s/o)}let e=t.map(o=>({place:Math.abs(tt(o,r)),text:r.name==="log"&&o<=1e-6?"\u2264 1e-6":kl(o)}));return r.signed?[...e.filter(({place:o})=>o>0).map(({place:o,text:s})=>({place:-o,text:`\u2212${s}`})),...e].map(({place:o,text:s})=>({place:(o+1)/2,text:s})):e}function kl(r){let t=Number(r.toPrecision(3));return r>0&&r<.001?t.toExponential():String(t)}var Al=6;function Sl(r,t,{thumbnails:e,scale:n},o){let{rows:s,columns:i}=r,a=r[e].subarray(t*s*i,(t+1)*s*i),l=p=>p.reduce((u,m)=>Math.max(u,Math.abs(m)),0),c=l(a),h=new Uint8ClampedArray(4*s*i);for(let p=0;p<s;p++){let u=n==="row"?l(a.subarray(p*i,(p+1)*i)):c;for(let m=0;m<i;m++){let d=p*i+m,f=Math.abs(a[d]),g=f===0?0:n==="log"?Math.max(0,1+Math.log10(f)/Al):f/u;h.set([...Rt(a[d]<0?-g:g,o),255],4*d)}}return h}function Pe(r,t,e){let{heads:n,rows:o,columns:s}=r,i=document.createElement("canvas");i.width=s,i.height=n*o;let a=i.getContext("2d");if(!a)return null;for(let l=0;l<n;l++)a.putImageData(new ImageData(Sl(r,l,t,e),s,o),0,l*o);return i}function Xt(r,t,e,n,o){let{rows:s,columns:i}=e;r.imageSmoothingEnabled=i>2*o.width||s>2*o.height,r.drawImage(t,0,n*s,i,s,o.x,o.y,o.width,o.height)}var[Ml,El]=[34,140],Tl={encoder:"Encoder",decoder:"Decoder",cross:"Cross-attention",self:"Self-attention",map:"Maps"};function vt(r,t){let{item:e}=r.maps[t.map];return r.maps.flatMap((n,o)=>n.item===e?[o]:[])}function qe(r,t){return[...new Set(t.flatMap(e=>Object.keys(r.maps[e].statistics)))]}function Ho(r,t,e,n){return e.sort===""?$l(r,t,n):Ll(r,t,e,n)}function $l(r,t,e){let o=Math.max(...t.map(h=>r.maps[h].heads)),{side:s,across:i}=Fo(e-52-12,o),a=[],l=[],c=0;for(let h of new Set(t.map(p=>r.maps[p].kind))){l.push({text:Tl[h],x:12,y:c+18,large:!0}),c+=28;let p=t.filter(u=>r.maps[u].kind===h);p.sort((u,m)=>(r.maps[u].layer??u)-(r.maps[m].layer??m)),p.forEach((u,m)=>{let{layer:d,heads:f}=r.maps[u];l.push({text:d===null?`#${m}`:`L${d}`,x:12,y:c+s/2+4,large:!1});for(let g=0;g<f;g++){let[w,y]=[Math.floor(g/i),g%i];a.push({map:u,head:g,x:52+y*(s+6),y:c+w*(s+15+6),value:null})}c+=Math.ceil(f/i)*(s+15+6)}),c+=6}return{cells:a,headings:l,side:s,width:e,height:c}}function Ll(r,t,e,n){let{sort:o,descending:s,limit:i}=e,a=s?1:-1,c=t.flatMap(d=>(r.maps[d].statistics[o]??[]).map((f,g)=>({map:d,head:g,value:f}))).filter(({value:d})=>Number.isFinite(d)&&(i===null||a*(d-i)>=0));c.sort((d,f)=>a*(f.value-d.value));let{side:h,across:p}=Fo(n-24,Number.POSITIVE_INFINITY),u=c.map((d,f)=>({...d,x:12+f%p*(h+6),y:6+Math.floor(f/p)*(h+30+6)})),m=Math.ceil(c.length/p);return{cells:u,headings:[],side:h,width:n,height:6+m*(h+30+6)}}function Fo(r,t){let e=Math.floor(r/t-6),n=Math.max(Ml,Math.min(El,Number.isFinite(t)?e:80));return{side:n,across:Math.max(1,Math.floor((r+6)/(n+6)))}}function Bo({cells:r,side:t},e,n){return r.findIndex(o=>e>=o.x&&e<o.x+t&&n>=o.y&&n<o.y+t+15)}function zo({cells:r},t,e){if(e==="Home")return 0;if(e==="End")return r.length-1;if(e==="ArrowLeft")return Math.max(0,t-1);if(e==="ArrowRight")return Math.min(r.length-1,t+1);let n=r[t],o=e==="ArrowDown",s=r.filter(c=>o?c.y>n.y:c.y<n.y);if(s.length===0)return t;let i=o?s[0].y:s[s.length-1].y,l=s.filter(c=>c.y===i).reduce((c,h)=>Math.abs(h.x-n.x)<Math.abs(c.x-n.x)?h:c);return r.indexOf(l)}var Re="ui-monospace, monospace",zn="system-ui, sans-serif",Go=20,Ol={encoder:"enc",decoder:"dec",cross:"cross",self:"self",map:"map"};function Cl(r,t,e,n){let o=`${r.layer===null?`#${t}`:`L${r.layer}`}\xB7${e}`;return n?`${Ol[r.kind]} ${o}`:o}function jo(r,t,e){return r.value===null?[String(r.head)]:[Cl(t,r.map,r.head,e),L(r.value)]}function Do(r,t,e,n,o){let{arrangement:s,palette:i,maps:a,kinds:l}=t,{cells:c,headings:h,side:p,width:u}=s,m=(d,f)=>d+f>n&&d<n+o;r.fillStyle=i.background,r.fillRect(0,0,u,o);for(let{text:d,x:f,y:g,large:w}of h)m(g-20,30)&&(r.textAlign="left",r.fillStyle=w?i.text:i.dimmed,r.font=w?`600 14px ${zn}`:`12px ${Re}`,r.fillText(d,f,g-n));c.forEach((d,f)=>{if(!m(d.y,p+30))return;let g={x:d.x,y:d.y-n,width:p,height:p},w=e.get(d.map);w&&Xt(r,w.canvas,w.overview,d.head,g);let y=t.chosen(d);r.strokeStyle=y||f===t.current?i.accent:i.frame,r.lineWidth=f===t.current?3:y?2:1,r.strokeRect(g.x-.5,g.y-.5,p+1,p+1),r.textAlign="center",r.font=`11px ${Re}`,jo(d,a[d.map],l).forEach((v,k)=>{r.fillStyle=k===0?i.text:i.dimmed,r.fillText(v,g.x+p/2,g.y+p+12+k*15)})})}var Uo=2048;function Wo(r,t,e){let{arrangement:n,palette:o,maps:s,kinds:i}=r,{headings:a,side:l}=n,c=n.cells.slice(0,Uo),h=n.cells.length-c.length,p=Ct(h>0?`${e}; the first ${Uo} of them`:e,Math.max(360,Vo(r)-24),_o),u=12+p.length*Go,m=Math.max(Vo(r),24+Math.max(...p.map(_o))),d=Math.max(0,...c.map(({y,value:v})=>y+l+(v===null?1:2)*15)),f=u+d+10,g=P("svg",{width:m,height:f,viewBox:`0 0 ${m} ${f}`}),w=(y,...v)=>y.append(P(...v));w(g,"rect",{width:m,height:f,fill:o.background}),p.forEach((y,v)=>{w(g,"text",{x:12,y:20+v*Go,"font-family":zn,"font-size":14,fill:o.text},y)});for(let{text:y,x:v,y:k,large:x}of a){if(k>d)continue;let A=x?{"font-family":zn,"font-size":14}:{"font-family":Re,"font-size":12};w(g,"text",{x:v,y:k+u,...A,fill:x?o.text:o.dimmed},y)}for(let y of c){let v={x:y.x,y:y.y+u,width:l,height:l},k=Pl(y,t);k&&w(g,"image",{...v,href:k,preserveAspectRatio:"none","image-rendering":"pixelated"}),w(g,"rect",{...v,fill:"none",stroke:r.chosen(y)?o.accent:o.frame}),jo(y,s[y.map],i).forEach((x,A)=>{let E={x:v.x+l/2,y:v.y+l+12+A*15,"text-anchor":"middle"};w(g,"text",{...E,"font-family":Re,"font-size":11,fill:o.text},x)})}return new XMLSerializer().serializeToString(g)}function Vo({arrangement:{cells:r,side:t}}){return Math.max(240,...r.map(({x:e})=>e+t))+12}function _o(r){return 7.2*[...r].length}function Pl(r,t){let e=t.get(r.map);if(!e)return null;let{overview:n,canvas:o}=e,s=document.createElement("canvas");s.width=n.columns,s.height=n.rows;let i=s.getContext("2d");return i?(Xt(i,o,n,r.head,{x:0,y:0,width:s.width,height:s.height}),s.toDataURL("image/png")):null}var Ie=class{constructor(t,e){this.app=t;this.arrived=e}app;arrived;overviews=new Map;requested=new Map;painted=new Map;stopping=new AbortController;look="";get(t){let{thumbnails:e,scale:n}=this.app.store.state,o=`${e} ${n} ${this.app.palette.name}`;o!==this.look&&this.painted.clear(),this.look=o;let s=this.overviews.get(t);if(!s)return this.request(t),null;this.painted.has(t)||this.painted.set(t,Pe(s,this.app.store.state,this.app.palette));let i=this.painted.get(t);return i?{overview:s,canvas:i}:null}async all(t){for(let e of new Set(t))this.overviews.has(e)||await this.request(e)}stop(){this.stopping.abort()}request(t){let e=this.requested.get(t);if(e)return e;let{signal:n}=this.stopping,o=this.app.source.overview(t,n).then(s=>{n.aborted||(this.overviews.set(t,s),this.arrived())},s=>{n.aborted||this.app.fail(s)});return this.requested.set(t,o),o}};var ql=["ArrowLeft","ArrowRight","ArrowUp","ArrowDown","Home","End"],Ko=500,Rl=2**24,Ne=class{constructor(t,e){this.app=e;let{store:n}=e;this.painted=new Ie(e,()=>this.request()),this.sort=D("sorted by",[],i=>n.set({sort:i})),this.direction=T("","",()=>{this.descending=!this.descending,this.lay()}),this.limit.type="number",this.limit.step="any",this.limit.addEventListener("input",()=>this.lay()),this.limitLabel.append(this.limitName,this.limit),this.build(t);let o=new ResizeObserver(()=>this.lay());o.observe(this.scroll),this.stops.push(()=>o.disconnect(),n.subscribe((i,a)=>this.changed(i,a))),this.lay(),this.loadAll();let s=this.arrangement.cells.findIndex(i=>this.chosen(i));this.current=Math.max(0,s),this.reveal()}app;element=b("div","heads-view");scroll=b("div","heads-scroll");space=b("div","heads-space");canvas=b("canvas","heads-canvas");told="";limit=b("input");limitName=b("span","","at least");direction;sort;limitLabel=b("label","choice");painted;stops=[];descending=!0;arrangement={cells:[],headings:[],side:0,width:0,height:0};current=-1;frame=0;redraw(){this.lay()}destroy(){cancelAnimationFrame(this.frame);for(let t of this.stops)t();this.painted.stop(),this.element.remove()}keydown(t){if(t.ctrlKey||t.altKey||t.metaKey||this.arrangement.cells.length===0)return!1;if(ql.includes(t.key))this.current=zo(this.arrangement,Math.max(0,this.current),t.key),this.reveal(),this.tell(),this.app.say(this.told);else if(t.key==="Enter"&&this.current>=0)this.open(this.current);else if(t.key==="r"&&this.app.store.state.sort!=="")this.descending=!this.descending,this.lay(),this.app.say(this.direction.textContent??"");else return!1;return!0}contentHeight(){return this.element.clientHeight-this.scroll.clientHeight+this.arrangement.height+4}async table(t=!1){let{manifest:e}=this.app,n=qe(e,vt(e,this.app.store.state)),o=Z(t),{cells:s}=this.arrangement,i=s.slice(0,Ko),a=i.length<s.length?`, the first ${Ko} of ${$(s.length)}`:"";return{caption:`${this.title()}${a}`,columns:["head",...n],rows:i.map(({map:l,head:c})=>{let h=e.maps[l],p=n.map(u=>h.statistics[u]?.[c]);return[O(h,[c]),...p.map(u=>u===void 0?"":o(u))]})}}async svg(){return await this.painted.all(this.arrangement.cells.map(({map:t})=>t)),Wo(this.scene(),this.painted,this.title())}changed(t,e){if(e.has("sort")?(this.limit.value="",this.lay(),this.current=this.arrangement.cells.length>0?0:-1,this.scroll.scrollTop=0):e.has("map")&&(this.lay(),this.loadAll()),e.has("map")||e.has("heads")){let n=this.arrangement.cells.findIndex(o=>o.map===t.map&&t.heads.includes(o.head));n>=0&&(this.current=n),this.reveal()}this.controls(),this.tell(),this.request()}lay(){let{manifest:t,store:e}=this.app,n=this.arrangement.cells[this.current],o=this.limit.value.trim()===""?null:Number(this.limit.value),s={sort:this.sorting(),descending:this.descending,limit:o},i=Math.max(240,this.scroll.clientWidth);this.arrangement=Ho(t,vt(t,e.state),s,i);let{cells:a}=this.arrangement,l=n?a.findIndex(c=>c.map===n.map&&c.head===n.head):-1;this.current=l>=0?l:Math.min(0,a.length-1),this.space.style.height=`${this.arrangement.height}px`,this.controls(),this.tell(),this.request()}loadAll(){let t=vt(this.app.manifest,this.app.store.state);t.map(n=>this.app.manifest.maps[n]).reduce((n,{heads:o,queries:s,keys:i})=>n+o*s*i,0)<=Rl&&this.painted.all(t)}sorting(){let{manifest:t,store:e}=this.app,{sort:n}=e.state;return qe(t,vt(t,e.state)).includes(n)?n:""}chosen({map:t,head:e}){let{state:n}=this.app.store;return t===n.map&&n.heads.includes(e)}open(t){let e=this.arrangement.cells[t],{manifest:n,store:o}=this.app;o.set({...st(n,o.state,e.map,[e.head]),view:"map"})}reveal(){let t=this.arrangement.cells[this.current];if(!t)return;let e=t.y+this.arrangement.side+30;t.y<this.scroll.scrollTop?this.scroll.scrollTop=Math.max(0,t.y-30):e>this.scroll.scrollTop+this.height()&&(this.scroll.scrollTop=e-this.height()),this.request()}height(){return Math.max(1,this.scroll.clientHeight)}title(){let{manifest:t,store:e}=this.app,n=this.sorting(),o=e.state.thumbnails==="max"?"largest weights":"mean weights",s=n?`, by ${n}, ${this.directionText()}`:"";return`${$(this.arrangement.cells.length)} heads of ${S(t.title||"the recording",120)}: ${o}${s}`}directionText(){return this.descending?"largest first":"smallest first"}scene(){let{manifest:t,store:e,palette:n}=this.app,o=new Set(vt(t,e.state).map(a=>t.maps[a].kind)).size>1,{arrangement:s,current:i}=this;return{arrangement:s,maps:t.maps,kinds:o,palette:n,current:i,chosen:a=>this.chosen(a)}}request(){cancelAnimationFrame(this.frame),this.frame=requestAnimationFrame(()=>this.draw())}draw(){let[t,e]=[this.arrangement.width,this.height()],n=devicePixelRatio||1;this.canvas.style.width=`${t}px`,this.canvas.style.height=`${e}px`;let[o,s]=[Math.round(t*n),Math.round(e*n)];(this.canvas.width!==o||this.canvas.height!==s)&&(this.canvas.width=o,this.canvas.height=s);let i=this.canvas.getContext("2d");i&&(i.setTransform(n,0,0,n,0,0),Do(i,this.scene(),this.painted,this.scroll.scrollTop,e))}tell(){let t=this.arrangement.cells[this.current];if(!t){this.told="no head is within the limit",this.app.describe(this.told);return}let e=this.app.manifest.maps[t.map],n=Object.entries(e.statistics).map(([o,s])=>`${o} ${L(s[t.head])}`);this.told=[O(e,[t.head]),...n].join(" \xB7 "),this.app.describe(this.told),this.canvas.setAttribute("aria-label",`${this.title()}; ${this.told}`)}controls(){let{manifest:t,store:e}=this.app,n=qe(t,vt(t,e.state)),o=[["","layer"],...n.map(i=>[i,i])];this.sort.control.options.length!==o.length&&gt(this.sort.control,o);let s=this.sorting();this.sort.control.value=s,this.direction.textContent=this.directionText(),this.direction.hidden=this.limitLabel.hidden=s==="",this.limitName.textContent=`${s} ${this.descending?"at least":"at most"}`}point(t){let e=this.canvas.getBoundingClientRect();return Bo(this.arrangement,t.clientX-e.left,t.clientY-e.top+this.scroll.scrollTop)}build(t){let e=b("div","heads-bar");e.append(this.sort.label,this.direction,this.limitLabel),this.canvas.tabIndex=0,this.canvas.setAttribute("role","img"),this.space.append(this.canvas),this.scroll.append(this.space),this.element.append(e,this.scroll),t.append(this.element),this.scroll.addEventListener("scroll",()=>this.request()),this.canvas.addEventListener("pointermove",n=>{let o=this.point(n);this.canvas.style.cursor=o>=0?"pointer":"default",!(o<0||o===this.current)&&(this.current=o,this.tell(),this.request())}),this.canvas.addEventListener("click",n=>{let o=this.point(n);o>=0&&this.open(o)})}};var Yo={name:"heads",title:"Heads",styles:Oo,keys:[["\u2190 \u2191 \u2192 \u2193","move between heads"],["Home, End","first or last head"],["Enter, click","open the head in the map"],["r","the other way round, where sorted"]],settings:["scale","thumbnails"],about:"Heads: a small map of every head of every layer. Look for patterns, sort them by a number, and click one to open it.",meaning:({row:r,column:t,stronger:e})=>`Each small square is the map of one head: its rows and columns are those of the map, ${r} and ${t}, and ${e} is more.`,unavailable:r=>r.maps.length===0?"there is no map":null,mount:(r,t)=>new Ne(r,t)};var Jo=`.image-view {
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
`;function He(r,t){let e=r.map(Math.abs).sort(),n=e[Math.max(0,e.length-t)],o=[];for(let s=0;s<r.length;s++)Math.abs(r[s])>=n&&r[s]!==0&&o.push(s);return o.sort((s,i)=>Math.abs(r[i])-Math.abs(r[s])||s-i).slice(0,t)}var Nl={light:{background:"#ffffff",text:"#1c2024",dimmed:"#6b727b",frame:"#b4bac2",accent:"#c2410c",positive:"#ffffff #cfe8e1 #97d6c5 #56bfb0 #32a4a9 #308aa7 #3670a3 #3e5394 #3f3872 #342449 #201322",negative:"#ffffff #f7dbd2 #f5b79b #f69069 #f26348 #df3444 #bd1852 #95195c #6b1e58 #431c45 #1e122d"},dark:{background:"#121418",text:"#e8eaed",dimmed:"#9aa1aa",frame:"#4a5058",accent:"#ff922b",positive:"#121418 #292137 #3a3062 #414789 #3b649d #317ea6 #2b98aa #3ab1ab #63caad #9de0b9 #d2f0db",negative:"#121418 #2d1b31 #511f4d #791d5b #a1165a #c71c4e #e53f43 #f36c4b #f6976b #f6bd9b #f9e2d0"}};function xt(r){let t=Nl[r];return{...t,name:r,positive:Xo(t.positive),negative:Xo(t.negative)}}function Xo(r){let t=r.split(" ").map(n=>[1,3,5].map(o=>Number.parseInt(n.slice(o,o+2),16))),e=new Uint8Array(256*3);for(let n=0;n<256;n++){let o=n/255*(t.length-1),s=Math.min(Math.floor(o),t.length-2);for(let i=0;i<3;i++){let[a,l]=[t[s][i],t[s+1][i]];e[3*n+i]=Math.round(a+(o-s)*(l-a))}}return e}var Gn={from:96,to:160},{negative:Hl,positive:Fl}=xt("light"),Qo=.06;function Un(r,t){let e=Math.min(Math.abs(r),1),n=r<0?Fl:Hl,o=Math.round(Gn.from+e*(Gn.to-Gn.from)),s=e===0?0:(Qo+(1-Qo)*e)*t;return[n[3*o],n[3*o+1],n[3*o+2],Math.round(s*255)]}function Zo(r,t,e){let n=new Uint8ClampedArray(r.length*4);return r.forEach((o,s)=>{n.set(Un(tt(o,t),e),4*s)}),n}function ts(r,t,e,n){let o=t*n,s=new Uint8ClampedArray(o*e*n*4),i=(a,l)=>{let c=Math.min(Math.max((a+.5)/n-.5,0),l-1),h=Math.min(Math.floor(c),Math.max(l-2,0));return{low:h,high:Math.min(h+1,l-1),share:c-h}};for(let a=0;a<e*n;a++){let l=i(a,e);for(let c=0;c<o;c++){let h=i(c,t),p=[[l.low,h.low,(1-l.share)*(1-h.share)],[l.low,h.high,(1-l.share)*h.share],[l.high,h.low,l.share*(1-h.share)],[l.high,h.high,l.share*h.share]],u=[0,0,0,0];for(let[d,f,g]of p){let w=4*(d*t+f),y=r[w+3]*g;for(let v=0;v<3;v++)u[v]+=r[w+v]*y;u[3]+=y}let m=4*(a*o+c);for(let d=0;d<3;d++)s[m+d]=u[3]>0?u[d]/u[3]:0;s[m+3]=u[3]}}return s}function Vn(r){return .45*r}var es=46,Bl=260,Qt=8,zl=2,Gl=600;function ns({size:r,image:t}){let e={width:r.width-2*Qt,height:r.height-es-Qt},n=Math.max(Math.min(e.width/t.width,e.height/t.height),0),[o,s]=[t.width*n,t.height*n];return{x:Qt+(e.width-o)/2,y:Qt/2+(e.height-s)/2,width:o,height:s}}function rs(r,t,e){let n=ns(r),{rows:o,columns:s}=r.grid,i=Math.floor((e-n.y)/n.height*o),a=Math.floor((t-n.x)/n.width*s);return i>=0&&i<o&&a>=0&&a<s?{row:i,column:a}:null}function _n(r,t,e){let{grid:n,palette:o,values:s,scale:i,strength:a,chosen:l,smooth:c}=t,h=ns(t);if(r.rect({x:0,y:0,...t.size},o.background),e(h),s){r.rect(h,o.background,Vn(a));let p=Zo(s,i,a);if(c){let u=Math.floor(Gl/Math.max(n.rows,n.columns)),m=Math.max(1,Math.min(u,Math.round(h.width/n.columns/zl))),d=ts(p,n.columns,n.rows,m);r.pixels(h,d,n.columns*m,n.rows*m)}else r.pixels(h,p,n.columns,n.rows)}if(l){let[p,u]=[h.width/n.columns,h.height/n.rows],m={x:h.x+l.column*p,y:h.y+l.row*u,width:p,height:u};r.outline(m,"#000000",4),r.outline(m,"#ffffff",2)}Ul(r,t)}function Ul(r,{size:t,scale:e,strength:n,legend:o,palette:s}){let i=Math.min(Bl,t.width-6*Qt),a={x:(t.width-i)/2,y:t.height-es+18,width:i,height:10};r.text(t.width/2,a.y-10,o,{size:12,colour:s.dimmed,anchor:"middle"}),r.rect(a,"#808080"),r.rect(a,s.background,Vn(n));let l=64;for(let c=0;c<l;c++){let h=(c+.5)/l,[p,u,m,d]=Un(e.signed?2*h-1:h,n),f=a.x+c/l*i;r.rect({...a,x:f,width:i/l},`rgb(${p},${u},${m})`,d/255)}r.outline(a,s.frame,1);for(let{place:c,text:h}of Ce(e)){let p=a.x+c*i;r.text(p,a.y+18,h,{size:11,colour:s.text,anchor:"middle",mono:!0})}}var jn=class{constructor(t){this.places=t;t.tokens.forEach((e,n)=>{this.patchOfToken.set(e,t.patches[n]),this.tokenOfPatch.set(t.patches[n],e)})}places;patchOfToken=new Map;tokenOfPatch=new Map;get count(){return this.places.rows*this.places.columns}token(t,e){return this.tokenOfPatch.get(t*this.places.columns+e)??null}patch(t){let e=t===null?void 0:this.patchOfToken.get(t);return e===void 0?null:{row:Math.floor(e/this.places.columns),column:e%this.places.columns}}};function Zt(r,t,e=0){if(r.images.length===0)return"this recording has no picture";let n=r.maps[t.map];if(!n)return"there is no map";let o=r.images.filter(p=>p.item===n.item);if(o.length===0)return"this sequence has no picture";let s=o.flatMap(p=>p.maps.filter(u=>u.map===t.map).map(({queries:u,keys:m})=>({image:p,queries:u,keys:m})));if(s.length===0)return"this map does not look at the picture";let{image:i,queries:a,keys:l}=s[Math.min(e,s.length-1)];if(!i.src.startsWith("data:image/"))return"the picture is not embedded in the page";let c=p=>p===null?null:new jn(i.places[p]),h=p=>new Set(s.flatMap(u=>u.image.places[u[p]??-1]?.tokens??[]));return{image:i,info:n,queries:c(a),keys:c(l),pictures:s.length,queriesOfAll:h("queries"),keysOfAll:h("keys")}}function kt(r,t){return t==="from"?r.queries:r.keys}function et(r,t){let e=t==="from"?r.keys:r.queries;if(!e)throw new Error(`no patches to show ${t} a token`);return e}function Dn(r,t,e){let{info:n,queriesOfAll:o,keysOfAll:s}=r,[i,a]=t==="from"?[n.queries,o]:[n.keys,s],l=[];for(let c=0;c<i&&l.length<e;c++)a.has(c)||l.push(c);return l}function os(r,t){let{info:e,queriesOfAll:n,keysOfAll:o}=r,[s,i]=t==="from"?[e.queries,n]:[e.keys,o],a=-1;for(let l of i)a=Math.max(a,l);return a+1<s?a+1:Dn(r,t,1)[0]}function Wn(r,t,e,n){let o=kt(t,e)?.patch(n);if(o)return Kn(o);let s=r.axes[e==="from"?t.info.rowAxes[0]:t.info.columnAxis];return S(s.tokens[n]??String(n))}function Kn({row:r,column:t}){return`row ${r+1}, column ${t+1}`}var Vl=1<<19,Fe=class{constructor(t,e){this.app=t;this.changed=e}app;changed;found=null;subject="";whole=null;wanted=-1;reading=!1;abort=new AbortController;look(t,e,n,o,s=0){let i=JSON.stringify([t.map,t.heads,n,s]);if(i!==this.subject&&(this.stop(),this.subject=i),this.wanted===o)return;this.wanted=o;let a=n==="from"?e.info.queries:e.info.keys;this.whole?this.found=ss(this.whole,e,n,o):a*et(e,n).places.tokens.length>Vl?(this.restart(),this.read(t,e,n,[o,o+1],l=>{this.found={token:o,values:is(l,e,n)}})):this.reading||(this.reading=!0,this.read(t,e,n,[0,a],l=>{this.whole=l,this.found=ss(l,e,n,this.wanted)}))}stop(){this.restart(),this.subject="",this.whole=null,this.found=null,this.wanted=-1,this.reading=!1}restart(){this.abort.abort(),this.abort=new AbortController}async read({map:t,heads:e},n,o,[s,i],a){let{signal:l}=this.abort,c={start:s,stop:i,count:i-s},h=_l(et(n,o).places.tokens),[p,u]=o==="from"?[c,h]:[h,c],m={how:"mean",hideSpecial:!1,renormalise:!1,sample:0};try{let{values:d}=await this.app.source.region({map:t,heads:e,rows:p,columns:u,...m},l);if(l.aborted)return;a(d),this.changed()}catch(d){l.aborted||this.app.fail(d)}}};function _l(r){let[t,e]=[r[0],r.length];return r.every((n,o)=>n===t+o)?{start:t,stop:t+e,count:e}:{starts:r,stops:r.map(n=>n+1)}}function ss(r,t,e,n){let o=et(t,e).places.tokens.length,s=e==="from"?r.subarray(n*o,(n+1)*o):Float32Array.from({length:o},(i,a)=>r[a*t.info.keys+n]);return{token:n,values:is(s,t,e)}}function is(r,t,e){let n=et(t,e),o=new Float32Array(n.count);return r.forEach((s,i)=>{o[n.places.patches[i]]=s}),o}var jl=200,Dl=100,Ge=class{constructor(t,e){this.app=e;this.looked=Zt(e.manifest,e.store.state),this.weights=new Fe(e,()=>this.request()),this.build(t);let n=new ResizeObserver(()=>this.resize());n.observe(this.stage),this.stops.push(()=>n.disconnect(),e.store.subscribe((o,s)=>{(s.has("map")||s.has("direction"))&&this.lookAgain(),this.request()})),this.lookAgain(),this.resize()}app;element=b("div","image-view");tokens=b("div","image-tokens");status=b("p","image-status");stage=b("div","image-stage");canvas=b("canvas","image-canvas");strength=Be("range",{min:"0",max:"100",value:"80"});smooth=Be("checkbox",{});directions={from:Be("radio",{name:"image-direction"}),to:Be("radio",{name:"image-direction"})};picture=new Image;weights;stops=[];size={width:0,height:0};looked;which=0;pictures=b("div","image-tokens");frameRequest=0;under=null;pointed=!1;redraw(){this.request()}destroy(){cancelAnimationFrame(this.frameRequest);for(let t of this.stops)t();this.weights.stop(),this.element.remove()}keydown(t){if(typeof this.looked=="string"||t.altKey||t.metaKey||t.ctrlKey)return!1;let{store:e}=this.app,{queries:n,keys:o}=this.looked;if(t.key==="Enter"&&this.chosen()!==null)e.set({...this.choice(this.chosen()),pinned:!0}),this.app.say("kept");else if(t.key==="Escape"&&e.state.pinned)e.set({pinned:!1});else if(t.key==="d"&&n&&o)this.turn(this.direction()==="from"?"to":"from");else if(t.key==="b")this.smooth.click();else{let s=kt(this.looked,this.direction()),{rows:i,columns:a}=s?.places??{rows:0,columns:0},c={ArrowUp:[-1,0],ArrowDown:[1,0],ArrowLeft:[0,-1],ArrowRight:[0,1],Home:[0,-a],End:[0,a]}[t.key];if(!c||!s)return!1;let h=s.patch(this.chosen()),p=h?I(h.row+c[0],0,i-1):Math.floor(i/2),u=h?I(h.column+c[1],0,a-1):Math.floor(a/2);this.pointed=!1;let m=s.token(p,u);m!==null&&e.set(this.choice(m)),this.draw(),this.app.say(this.status.textContent??"")}return!0}async table(t=!1){let e=Z(t),{state:n}=this.app.store;if(typeof this.looked=="string")return{caption:this.looked,columns:[],rows:[]};let{info:o}=this.looked,s=et(this.looked,this.direction()),{columns:i,tokens:a}=s.places,l=this.weights.found?.values??new Float32Array;return{caption:`${O(o,n.heads)}: the strongest of ${a.length} patches; ${this.sentence()}`,columns:["row","column","token","weight"],rows:He(l,Dl).map(c=>{let[h,p]=[Math.floor(c/i),c%i];return[String(h+1),String(p+1),String(s.token(h,p)),e(l[c])]})}}async svg(){let{manifest:t,palette:e}=this.app,n=this.scene();if(!n||typeof this.looked=="string")throw new Error(`no picture to export: ${this.looked}`);let{width:o,height:s}=this.size,i=44,a=`${S(t.title,120)} \u2013 ${O(this.looked.info,this.app.store.state.heads)}`,l=new Ot(o,s+i,Oe);return l.rect({x:0,y:0,width:o,height:i},e.background),l.text(8,14,a,{size:13,colour:e.text,bold:!0}),l.text(8,32,this.sentence(),{size:12,colour:e.dimmed}),l.shifted(0,i,()=>_n(l,n,c=>l.image(c,n.image.src))),l.document(`${a}: ${this.sentence()}`)}direction(){return typeof this.looked=="string"||!this.looked.queries?"from":this.looked.keys?this.app.store.state.direction:"to"}chosen(){if(typeof this.looked=="string")return null;let{info:t}=this.looked,e=this.direction()==="from",n=e?this.app.store.state.query:this.app.store.state.key;if(n!==null&&n>=0&&n<(e?t.queries:t.keys))return n;let o=kt(this.looked,this.direction())?.places.tokens[0]??0;return os(this.looked,this.direction())??o}choice(t){return this.direction()==="from"?{query:t}:{key:t}}turn(t){let e=this.chosen();this.app.store.set({direction:t,...t==="from"?{query:e}:{key:e}})}lookAgain(){let{manifest:t,store:e}=this.app;if(this.looked=Zt(t,e.state,this.which),this.showPictures(),this.tokens.replaceChildren(),typeof this.looked=="string")return;this.picture.src!==this.looked.image.src&&(this.picture.src=this.looked.image.src);let n=this.direction();this.directions[n].checked=!0,this.directions.to.disabled=!this.looked.queries,this.directions.from.disabled=!this.looked.keys;let o=this.looked;for(let s of Dn(o,n,jl)){let i=T(Wn(t,o,n,s),"",()=>{this.pointed=!1,e.set({...this.choice(s),pinned:!0})});i.dataset.token=String(s),this.tokens.append(i)}}showPictures(){this.pictures.replaceChildren();let t=typeof this.looked=="string"?0:this.looked.pictures;this.which=Math.min(this.which,Math.max(t-1,0));for(let e=0;t>1&&e<t;e++){let n=T(`picture ${e+1}`,"",()=>{this.which=e,this.under=null,this.lookAgain(),this.request()});n.setAttribute("aria-pressed",String(e===this.which)),this.pictures.append(n)}}hover(t){if(typeof this.looked=="string")return;let e=this.canvas.getBoundingClientRect(),{image:n}=this.looked,o=et(this.looked,this.direction()).places;this.under=rs({size:this.size,image:n,grid:o},t.clientX-e.left,t.clientY-e.top);let s=kt(this.looked,this.direction()),i=this.under&&s?s.token(this.under.row,this.under.column):null;this.app.store.state.pinned||!s?this.request():i!==null?(this.pointed=!0,this.app.store.set(this.choice(i))):this.leave()}leave(){this.under=null,this.request(),!(!this.pointed||this.app.store.state.pinned)&&(this.pointed=!1,this.app.store.set(this.choice(null)))}click(){if(this.canvas.focus({preventScroll:!0}),!this.under||typeof this.looked=="string")return;let t=kt(this.looked,this.direction())?.token(this.under.row,this.under.column)??null;if(t===null)return;let e=this.app.store.state.pinned&&this.chosen()===t;this.pointed=e,this.app.store.set({...this.choice(t),pinned:!e})}resize(){this.size={width:this.stage.clientWidth,height:this.stage.clientHeight},this.request()}request(){this.frameRequest===0&&(this.frameRequest=requestAnimationFrame(()=>this.draw()))}draw(){cancelAnimationFrame(this.frameRequest),this.frameRequest=0;let t=this.chosen();if(typeof this.looked=="string"||t===null){this.status.textContent=String(this.looked);return}this.weights.look(this.app.store.state,this.looked,this.direction(),t,this.which),this.status.textContent=this.sentence(),this.canvas.setAttribute("aria-label",`the picture, ${this.sentence()}`);for(let s of this.tokens.children)s.setAttribute("aria-pressed",String(s.dataset.token===String(t)));let e=this.scene(),n=this.size.width<20||this.size.height<80?null:Jt(this.canvas,this.size);if(!e||!n)return;let o=this.picture.complete&&this.picture.naturalWidth>0;_n(new wt(n),e,({x:s,y:i,width:a,height:l})=>{n.imageSmoothingEnabled=!0,o&&n.drawImage(this.picture,s,i,a,l)})}scene(){if(typeof this.looked=="string")return null;let{image:t,info:e}=this.looked,{state:n}=this.app.store,o=this.weights.found?.values??null,s=n.scale==="log"?"log":"linear",{probabilities:i,keys:a}=e,l=Pt(s,o??new Float32Array,!i,i?1/a:0);return{size:this.size,image:t,grid:et(this.looked,this.direction()).places,values:o,scale:l,strength:Number(this.strength.value)/100,smooth:this.smooth.checked,chosen:kt(this.looked,this.direction())?.patch(this.chosen())??null,legend:s==="log"?"weight, by logarithm":"weight",palette:this.app.palette}}sentence(){let t=this.chosen();if(typeof this.looked=="string")return this.looked;let{found:e}=this.weights;if(t===null||e?.token!==t)return"reading \u2026";let{info:n,image:o}=this.looked,{state:s,manifest:i}={state:this.app.store.state,manifest:this.app.manifest},a=this.direction(),l=S(Wn(i,this.looked,a,t),60),c=et(this.looked,a),h=e.values.reduce((m,d)=>m+d,0),p=[a==="from"?`what ${l} attends to: ${L(h)} of its weight is on the picture`:`what attends to ${l}: ${L(h/c.places.tokens.length)} of a patch's weight, on average`],u=s.pinned?this.under:null;return u&&c.token(u.row,u.column)!==null&&p.push(`${Kn(u)}: ${L(e.values[u.row*c.places.columns+u.column])}`),o.note&&p.push(o.note),s.heads.length>1&&p.push(`mean of ${s.heads.length} heads`),n.error>0&&p.push(`error at most ${Kt(n.error)}`),p.join(" \xB7 ")}build(t){let e=b("div","image-bar"),n=b("fieldset"),o=b("legend","","Show");n.append(o,ze(this.directions.from,"what it attends to"),ze(this.directions.to,"what attends to it"));for(let i of["from","to"])this.directions[i].addEventListener("change",()=>this.turn(i));this.strength.addEventListener("input",()=>this.request()),this.smooth.addEventListener("change",()=>this.request());let s=ze(this.strength,"Strength");s.prepend(s.lastChild),e.append(n,s,ze(this.smooth,"Smooth")),this.tokens.setAttribute("role","group"),this.tokens.setAttribute("aria-label","tokens that are no patches"),this.canvas.tabIndex=0,this.canvas.setAttribute("role","img"),this.canvas.addEventListener("pointermove",i=>this.hover(i)),this.canvas.addEventListener("pointerleave",()=>this.leave()),this.canvas.addEventListener("click",()=>this.click()),this.picture.addEventListener("load",()=>this.request()),this.picture.addEventListener("error",()=>this.app.fail(new Error("the picture could not be shown"))),this.stage.append(this.canvas),this.pictures.setAttribute("role","group"),this.pictures.setAttribute("aria-label","pictures"),this.element.append(e,this.pictures,this.tokens,this.status,this.stage),t.append(this.element)}};function Be(r,t){let e=b("input");e.type=r;for(let[n,o]of Object.entries(t))e.setAttribute(n,o);return e}function ze(r,t){let e=b("label");return e.append(r,document.createTextNode(t)),e}var as={name:"image",title:"Image",styles:Jo,keys:[["\u2190 \u2191 \u2192 \u2193","choose the next patch"],["Home, End","first or last patch of the row"],["d","what it attends to, or what attends to it"],["b","smooth overlay, or patch by patch"],["Enter, Escape","keep the chosen token, let it go"]],settings:["scale"],about:"Image: the picture that the model looked at, coloured by how much a part of it is looked at.",meaning:({stronger:r})=>`The ${r} a part of the picture, the more the chosen token looked at it.`,unavailable:(r,t)=>{let e=Zt(r,t);return typeof e=="string"?e:null},mount:(r,t)=>new Ge(r,t)};var ls=`.map-view {
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
`;function us(r,t,e){let n={title:t.rows.axis.title,text:S(t.rows.label(e))},o=t.info.rowAxes.map(s=>r.axes[s]).filter(s=>s.title!==t.rows.axis.title).map(s=>{let i=s.tokens.slice(t.rows.start(e),Math.min(t.rows.stop(e),t.rows.start(e)+8));return{title:s.title,text:S(i.map(a=>S(a)).join(" "))}});return[n,...o]}function ms(r,t,e){let[n,o]=cs(r.top,r.bottom,t.rows,e.rows),[s,i]=cs(r.left,r.right,t.columns,e.columns);return n<=0&&s<=0&&o>=e.rows.count&&i>=e.columns.count?null:{top:n,bottom:o,left:s,right:i}}function cs(r,t,e,n){if(e.axis.tokens.length!==n.axis.tokens.length||e.count===0||n.count===0)return[0,n.count];if(r<=0&&t>=e.count)return[0,n.count];let o=ps(hs(r,e),n),s=ps(hs(t,e),n);return s>o?[o,s]:[Math.max(0,o-1),Math.min(n.count,o+1)]}function hs(r,t){let e=Math.min(Math.max(Math.floor(r),0),t.count-1);return t.start(e)+Math.min(r-e,1)*(t.stop(e)-t.start(e))}function ps(r,t){let e=0,n=t.count;for(;e<n;){let o=e+n>>1;t.stop(o)<=r?e=o+1:n=o}return e===t.count?t.count:e+Math.max(0,r-t.start(e))/(t.stop(e)-t.start(e))}var ee=1<<20,Kl=1<<18;function ds(r,t,e,n,o){let s=1;for(;s*n<o&&s<e;)s*=2;let i=Math.max(0,Math.floor(r/s)*s),a=Math.min(e,Math.ceil(t/s)*s);return{first:i,last:a,step:s,count:Math.max(0,Math.ceil((a-i)/s))}}function Nt({view:r,x:t,y:e},n,o){for(let s=1;;s*=1.5){let i=ds(r.top,r.bottom,n.rows.count,e,s),a=ds(r.left,r.right,n.columns.count,t,s);if(i.count*a.count<=o)return{rows:i,columns:a}}}function Ht(r,t){let e=(n,o)=>n.first===o.first&&n.last===o.last&&n.step===o.step;return e(r.rows,t.rows)&&e(r.columns,t.columns)}function Yn(r,{first:t,last:e,step:n,count:o}){if(r.count===r.axis.tokens.length&&(e-t)%n===0)return{start:t,stop:e,count:o};let i=[],a=[];for(let l=t;l<e;l+=n)i.push(r.start(l)),a.push(r.stop(Math.min(l+n,e)-1));return{starts:i,stops:a}}function ne(r,t,e,n){return[t.rows.axis,t.columns.axis].some(s=>ot(s,r.unit)!==null)?r.how==="max"&&(e.step>1||n.step>1)?"max":"mass":r.how}function bs(r,t){return t.step===1?r:r.map((e,n)=>{let o=t.first+n%t.count*t.step;return e/(Math.min(o+t.step,t.last)-o)})}function re(r,t){return t.count===0?0:r.stop(t.last-1)-r.start(t.first)}function ys(r,t,e){let n=r.rows*r.columns,o=new Float32Array(n);for(let s of t){let i=r[e].subarray(s*n,(s+1)*n);for(let a=0;a<n;a++)o[a]+=i[a]/t.length}return o}function ws(r,t,e,n,o){let{rows:s,columns:i}=Nt(r,t,Kl),a=e.filter(c=>fs(c.rows,s)&&fs(c.columns,i));if(a.length===0&&n===null)return null;let l=new Float32Array(s.count*i.count);if(n){let c=te(s).map(u=>gs(t.rows.start(u),t.info.queries,n.rows)),h=te(i).map(u=>gs(t.columns.start(u),t.info.keys,n.columns)),p=te(i).map(u=>o?t.columns.stop(u)-t.columns.start(u):1);for(let u=0;u<s.count;u++){let m=c[u]*n.columns,d=u*i.count;for(let f=0;f<i.count;f++)l[d+f]=n.values[m+h[f]]*p[f]}}for(let c of[...a].reverse()){let h=te(s).map(u=>At(c.rows,u)),p=te(i).map(u=>At(c.columns,u));for(let u=0;u<s.count;u++){if(h[u]<0)continue;let m=h[u]*c.columns.count,d=u*i.count;for(let f=0;f<i.count;f++)p[f]>=0&&(l[d+f]=c.values[m+p[f]])}}return{rows:s,columns:i,values:l,sampled:0,every:1,read:!1}}function At(r,t){return t<r.first||t>=r.last?-1:Math.floor((t-r.first)/r.step)}function X(r,t){let e=r.first+t*r.step;return[e,Math.min(e+r.step,r.last)]}function te(r){return Int32Array.from({length:r.count},(t,e)=>{let[n,o]=X(r,e);return n+o-1>>1})}function fs(r,t){return r.first<t.last&&t.first<r.last}function gs(r,t,e){return Math.min(e-1,Math.floor(((r+1)*e-1)/t))}function Ft(r,t){if(r.query===null||r.key===null)return null;let e=t.rows.unitOf(r.query),n=t.columns.unitOf(r.key);return e<0||n<0?null:{row:e,column:n}}function Ue({row:r,column:t},e){return{query:e.rows.start(r),key:e.columns.start(t)}}function vs(r,t,e,n){let{view:o}=e.frame,s=n?.rows.step??1,i=n?.columns.step??1,a=r.shiftKey?10:1,l=Math.max(1,Math.floor(o.bottom-o.top)),{rows:c,columns:h}=e.extent,u={ArrowUp:[-s*a,0],ArrowDown:[s*a,0],ArrowLeft:[0,-i*a],ArrowRight:[0,i*a],PageUp:[-l,0],PageDown:[l,0],Home:[r.ctrlKey?-c:0,-h],End:[r.ctrlKey?c:0,h]}[r.key];if(!u||c===0||h===0)return null;if(!t&&r.key.startsWith("Arrow"))return{row:Math.ceil(o.top),column:Math.ceil(o.left)};let m=t??{row:Math.ceil(o.top),column:Math.ceil(o.left)};return{row:I(m.row+u[0],0,c-1),column:I(m.column+u[1],0,h-1)}}var Yl=4;function Jn(r,[t,e],n,{spacing:o,far:s,room:i},a){let l=Math.ceil(o/n-1e-9),c=l<=Yl,h=c?Math.max(l,1):Jl(s/n),p=[],u=Math.min(Math.ceil(e),r.count);for(let m=Math.ceil(Math.max(Math.floor(t),0)/h)*h;m<u;m+=h){let d=(m+.5-t)*n;if(d<0||d>(e-t)*n)continue;let f=c?z(oe(S(r.label(m)),i,a)):$(r.start(m));p.push({unit:m,at:d,text:f,special:c&&r.special(m)})}return{marks:p,named:c,every:h}}function Jl(r){let t=10**Math.floor(Math.log10(Math.max(r,1)));return[1,2,5,10].map(e=>e*t).find(e=>e>=r)??10*t}function oe(r,t,e){if(e(r)<=t)return r;let n=[...r],o=1,s=n.length-1;for(;o<s;){let i=o+s+1>>1;e(`${n.slice(0,i).join("")}\u2026`)<=t?o=i:s=i-1}return`${n.slice(0,o).join("")}\u2026`}function Xn(r,t,e){let n=Math.min(r.count,512),o=Array.from({length:n},(a,l)=>e(S(r.label(Math.floor(l*r.count/n)),24))).sort((a,l)=>a-l),s=n>40?o[Math.floor(n*.95)]:o[n-1]??0,i=e($(r.axis.tokens.length));return Math.min(Math.ceil(Math.max(s,i)),t)}var Qn=88,Bt=96,Xl=16,xs=.25;function As(r,t){return r.top<=t.top&&r.left<=t.left&&r.bottom>=t.bottom&&r.right>=t.right}function Ss({rows:r,columns:t}){return{top:0,bottom:r,left:0,right:t}}function zt(r,t){let e=t.width/Math.max(r.columns,1),n=t.height/Math.max(r.rows,1),o=Math.min(e,n,Qn),s=o*r.columns>=xs*t.width&&o*r.rows>=xs*t.height;return o>=Xl||s?{square:!0,x:o,y:o}:{square:!1,x:Math.min(e,Qn),y:Math.min(n,Qn)}}function Ms(r,t,e){let n=zt(t,e),o=r&&Ql(r,t);if(!o)return{view:Ss(t),x:n.x,y:n.y};let s=o.right-o.left,i=o.bottom-o.top,a=Math.min(e.width/s,Bt),l=Math.min(e.height/i,Bt);if(n.square){let p=Math.max(Math.min(a,l),n.x);return ks(o,t,e,p,p)}let c=s>=t.columns?n.x:Math.max(a,n.x),h=i>=t.rows?n.y:Math.max(l,n.y);return ks(o,t,e,c,h)}function Es(r,t,e,n,o){let s=zt(t,e),i=I(r.x*n,s.x,Math.max(Bt,s.x)),a=I(r.y*n,s.y,Math.max(Bt,s.y)),l=r.view.left+o.x/r.x,c=r.view.top+o.y/r.y;return se(l-o.x/i,c-o.y/a,t,e,i,a)}function Ts(r,t,e,n,o){let{view:s,x:i,y:a}=r;return se(s.left-n/i,s.top-o/a,t,e,i,a)}function $s(r,t,e){let n=Math.max(r.right-r.left,1),o=Math.max(r.bottom-r.top,1),s=zt(t,e),i=I(e.width/n,s.x,Math.max(Bt,s.x)),a=I(e.height/o,s.y,Math.max(Bt,s.y));s.square&&(i=a=Math.min(i,a));let l=(r.left+r.right)/2-e.width/i/2,c=(r.top+r.bottom)/2-e.height/a/2;return se(l,c,t,e,i,a)}function Ls(r,t,e,n,o){let{view:s,x:i,y:a}=r,l=(p,u,m)=>m<p?m:m+1>u?p+m+1-u:p,c=l(s.left,s.right,o),h=l(s.top,s.bottom,n);return se(c,h,t,e,i,a)}function se(r,t,e,n,o,s){let i=Math.min(n.width/o,e.columns),a=Math.min(n.height/s,e.rows),l=1e-9;if(i>=e.columns-l&&a>=e.rows-l)return null;let c=I(r,0,e.columns-i),h=I(t,0,e.rows-a);return{top:h,bottom:h+a,left:c,right:c+i}}function ks(r,t,e,n,o){let s=(r.left+r.right)/2-e.width/n/2,i=(r.top+r.bottom)/2-e.height/o/2;return{view:se(s,i,t,e,n,o)??Ss(t),x:n,y:o}}function Ql(r,t){let e={top:I(r.top,0,t.rows),bottom:I(r.bottom,0,t.rows),left:I(r.left,0,t.columns),right:I(r.right,0,t.columns)};return e.bottom>e.top&&e.right>e.left&&Object.values(e).every(Number.isFinite)?e:null}var Zn={level:0,slanted:-45,upright:-90},G=12,Os=10,ie=48,Ve=1,_e=Math.SQRT1_2,je=18,_=6,Zl=40,tc=70,Cs=12,ec=58;function ae(r,t,e,n){let o={rows:t.rows.count,columns:t.columns.count},s=r.width<480,i=r.height<420,a=r.height<300,l=r.height<560||r.width<720?26:38,c=s?70:Math.min(120,r.height/4),h=Xn(t.rows,c,n),p=Xn(t.columns,c,n),u=s?0:(t.info.probabilities?2:1)*(l+_),m=a?0:(i?1:2)*(l+_),d=je+Math.max(h,Zl)+_,f=u+_+Cs+ec,g=s||a?0:tc,w={level:je+G+Ve+_+(g>0?G:0),slanted:je+Math.ceil(Math.max(p,g)*_e)+G,upright:je+Math.max(p,g)+_},y=mt=>({width:Math.max(40,r.width-d-f),height:Math.max(40,r.height-mt-m-_)}),v=mt=>zt(o,y(w[mt])),k=Os+Ve,x=v("level").x>=p+8?"level":v("slanted").x*_e>=k||o.columns>ie?"slanted":"upright",A=y(w[x]),E={width:o.columns>ie?A.width:Math.max(A.width,k*o.columns),height:o.rows>ie?A.height:Math.max(A.height,k*o.rows)},M={width:d+E.width+f,height:w[x]+E.height+m+_},C=zt(o,E),q=Math.min(o.rows>ie?Number.POSITIVE_INFINITY:C.y,o.columns>ie||x==="level"?Number.POSITIVE_INFINITY:C.x*(x==="slanted"?_e:1)),lt=I(Math.floor(q)-Ve,Os,G),rt=lt+Ve,Et=Ms(e,o,E),{view:ct}=Et,W={x:d,y:w[x],width:(ct.right-ct.left)*Et.x,height:(ct.bottom-ct.top)*Et.y},Cr=W.x+W.width+_,Ia=W.y+W.height+_,Pr=mt=>({x:W.x,y:Ia+mt*(l+_),width:W.width,height:l}),qr=mt=>({x:Cr+mt*(l+_),y:W.y,width:l,height:W.height});return{size:{width:Math.max(M.width,r.width),height:Math.max(M.height,r.height)},room:E,plot:W,frame:Et,extent:o,columns:x,letters:lt,rowRoom:h,columnRoom:p,rowMarks:Jn(t.rows,[ct.top,ct.bottom],Et.y,{spacing:rt,far:40,room:h},n),columnMarks:Jn(t.columns,[ct.left,ct.right],Et.x,{spacing:{level:1,slanted:rt/_e,upright:rt}[x],far:80,room:p},n),received:a?null:Pr(0),rowProfile:i?null:Pr(1),entropy:s||!t.info.probabilities?null:qr(0),columnProfile:s?null:qr(t.info.probabilities?1:0),bar:{x:Cr+u+_,y:W.y,width:Cs,height:Math.min(Math.max(W.height,80),220)}}}function Ps(r,t,e){let{plot:n,size:o,received:s,rowProfile:i}=ae({width:t,height:4096},r,null,e),a=i??s??n;return Math.min(o.height,Math.ceil(a.y+a.height+_))}function tr(r,t,e){let{plot:n,frame:o}=r;if(t<n.x||e<n.y||t>=n.x+n.width||e>=n.y+n.height)return null;let s=Math.floor(o.view.top+(e-n.y)/o.y),i=Math.floor(o.view.left+(t-n.x)/o.x);return s<r.extent.rows&&i<r.extent.columns?{row:s,column:i}:null}function U(r,t,e){let{plot:n,frame:o}=r;return{x:n.x+(e[0]-o.view.left)*o.x,y:n.y+(t[0]-o.view.top)*o.y,width:(e[1]-e[0])*o.x,height:(t[1]-t[0])*o.y}}function St({x:r,y:t,width:e,height:n},o){let s=Math.max(r,o.x),i=Math.max(t,o.y),a=Math.min(r+e,o.x+o.width),l=Math.min(t+n,o.y+o.height);return a>s&&l>i?{x:s,y:i,width:a-s,height:l-i}:null}var De=[[0,114,178],[213,94,0],[0,158,115],[204,121,167],[230,159,0],[86,180,233]];function qs(r){return`rgb(${De[r].join(" ")})`}function Rs(r,t){let e=r[0]?.length??0,n=new Uint8ClampedArray(4*e),o=t.name==="dark",s=Array.from(t.positive.subarray(0,3));for(let i=0;i<e;i++){for(let a=0;a<3;a++){let l=1;for(let c=0;c<r.length;c++){let h=De[c][a]/255;l*=1-r[c][i]*(o?h:1-h)}n[4*i+a]=o?255-(255-s[a])*l:s[a]*l}n[4*i+3]=255}return n}var Is=40;function We({map:r,query:t,key:e}){return t===null&&e===null?null:{map:r,query:t,key:e}}function Ke(r,t){return r.map===t.map&&r.query===t.query&&r.key===t.key}function le(r,t){let e=r.filter(n=>!Ke(n,t));return e.length<r.length?e:[...e,t].slice(-Is)}function Gt(r,t,e){let[n,o]=[r.maps[t.map],r.maps[e]];if(!n||!o||n.item!==o.item&&n.of===o.of)return!1;let s=t.query===null||n.rowAxes.join()===o.rowAxes.join(),i=t.key===null||n.columnAxis===o.columnAxis;return s&&i}function Ns(r,t,e){let n=Gt(e,r,t.map),o=e.maps[r.map].heads,s={query:r.query,key:r.key,pinned:!0};if(n)return s;let i=t.heads.filter(a=>a<o);return{...s,map:r.map,heads:i.length>0?i:[0],viewport:null,rowAxis:0}}function Hs(r){return r.map(({map:t,query:e,key:n})=>`${t}.${e??""}-${n??""}`).join(",")}function Fs(r,t){let e=[];for(let n of r.split(",")){let[,o,s,i]=/^(\d{1,6})\.(\d{0,9})-(\d{0,9})$/.exec(n)??[],a=o===void 0?void 0:t.maps[Number(o)];if(!a||s===""&&i==="")continue;let l={map:Number(o),query:s===""?null:Number(s),key:i===""?null:Number(i)};(l.query??0)<a.queries&&(l.key??0)<a.keys&&e.length<Is&&!e.some(h=>Ke(h,l))&&e.push(l)}return e}var er=5,nc=3;function Gs(r,t){let{manifest:e,store:n}=r,{state:o}=n,s=r.marked?.()??{rows:[],columns:[]},i=o.pins.flatMap(a=>{let l=o.map<e.maps.length&&Gt(e,a,o.map),c=a.query===null?null:t.rows.unitOf(a.query),h=a.key===null?null:t.columns.unitOf(a.key);return!l||c===-1||h===-1?[]:[{row:c,column:h}]});return{found:{rows:s.rows.flatMap(a=>Bs(t.rows,a.start,a.stop)),columns:s.columns.flatMap(a=>Bs(t.columns,a.start,a.stop))},pins:i,bands:{rows:zs(t.rows),columns:zs(t.columns)}}}function Bs(r,t,e){let n=[];for(let o=t;o<e;o++){let s=r.unitOf(o);s>=0&&n.push(s)}return n.length===0?[]:[[n[0],n[n.length-1]+1]]}function zs(r){return(r.axis.bands?.[0]?.spans??[]).flatMap(([t,e])=>{let[n,o]=[-1,-1];for(let s=t;s<e&&n<0;s++)n=r.unitOf(s);for(let s=e-1;s>=t&&o<0;s--)o=r.unitOf(s);return n<0?[]:[[n,o+1]]})}function Us(r,t,e,{found:n,pins:o,bands:s}){let{plot:i}=t,a=(l,c,h,p,u=1)=>{let m=c==="rows"?U(t,l,[0,0]):U(t,[0,0],l),d=c==="rows"?{x:i.x-h,y:m.y,width:h,height:Math.max(m.height,1.5)}:{x:m.x,y:i.y-h,width:Math.max(m.width,1.5),height:h},f=c==="rows"?{...i,x:i.x-h,width:h}:{...i,y:i.y-h,height:h},g=St(d,f);g&&r.rect(g,p,u)};for(let l of["rows","columns"]){s[l].forEach((h,p)=>{a(h,l,nc,e.dimmed,p%2?.9:.4)});let c=Number.NEGATIVE_INFINITY;for(let h of n[l]){let p=h[0]*(l==="rows"?t.frame.y:t.frame.x);p-c<1||(c=p,a(h,l,er,e.accent))}}r.clipped(i,()=>{for(let[l,c]of Object.entries(s))for(let[h]of c.slice(1)){let{x:p,y:u}=l==="rows"?U(t,[h,h],[0,0]):U(t,[0,0],[h,h]),m=l==="rows"?[i.x+i.width,u]:[p,i.y+i.height];r.line([l==="rows"?[i.x,u]:[p,i.y],m],e.dimmed,1)}for(let{row:l,column:c}of o){let h=U(t,l===null?[0,t.extent.rows]:[l,l+1],c===null?[0,t.extent.columns]:[c,c+1]),[p,u]=[Math.max(h.width,6),Math.max(h.height,6)],m={x:h.x-(p-h.width)/2,y:h.y-(u-h.height)/2,width:p,height:u};r.outline(m,e.background,3),r.outline(m,e.accent,1.5)}});for(let{row:l,column:c}of o)l!==null&&a([l,l+1],"rows",er,e.accent),c!==null&&a([c,c+1],"columns",er,e.accent)}var rc=2e4,oc=28,sc=15,ic=44,ac=.61,Vs=9;function Ye(r,t,e){let{layout:n,palette:o}=t;r.rect({x:0,y:0,...n.size},o.background),t.cells&&lc(r,t,t.cells,e),r.outline(n.plot,o.frame,1),Us(r,n,o,t),uc(r,t),dc(r,t),t.layers?fc(r,t,t.layers.heads):gc(r,t)}function lc(r,t,e,n){let{layout:o,scale:s,palette:i}=t,{rows:a,columns:l,values:c}=e,h=t.layers&&Rs(t.layers.strengths,i),{plot:p,frame:u}=o;r.clipped(p,()=>{n&&c.length<=rc?_s(o,e,(f,g,w)=>{let y=s.name==="row"?qt(c,w,l.count):1,v=h&&`rgb(${h.subarray(4*g,4*g+3).join(" ")})`;r.rect(f,v??J(tt(c[g],s,y),i))}):pc(r,o,e,h??No(c,l.count,s,i));let m=u.x*l.step,d=u.y*a.step;if(m>=Vs&&d>=Vs){for(let f=a.first;f<=a.last;f+=a.step){let g=U(o,[f,f],[0,0]).y;r.line([[p.x,g],[p.x+p.width,g]],i.frame,.5)}for(let f=l.first;f<=l.last;f+=l.step){let g=U(o,[0,0],[f,f]).x;r.line([[g,p.y],[g,p.y+p.height]],i.frame,.5)}}!nr(o,e)||h||_s(o,e,(f,g,w)=>{if(!cc(f,p))return;let y=s.name==="row"?qt(c,w,l.count):1,v=pt(tt(c[g],s,y),i),k=[f.x+f.width/2,f.y+f.height/2],x=hc(c[g],m),A=Math.min(13,d*.62,(m-3)/(x.length*ac));r.text(...k,x,{size:A,colour:v,anchor:"middle",mono:!0})})})}function cc(r,t){let e=St(r,t);return e!==null&&e.width>r.width-.5&&e.height>r.height-.5}function nr({frame:r},{rows:t,columns:e,read:n}){return n&&r.x*e.step>=oc&&r.y*t.step>=sc}function hc(r,t){return t>=ic||r===0?L(r):Math.abs(r)>=.0095?r.toFixed(2):r.toExponential(0)}function pc(r,t,e,n){let{rows:o,columns:s}=e,i=U(t,[o.first,o.first+o.count*o.step],[s.first,s.first+s.count*s.step]);r.pixels(i,n,s.count,o.count)}function _s(r,t,e){for(let n=0;n<t.rows.count;n++){let o=X(t.rows,n);for(let s=0;s<t.columns.count;s++){let i=U(r,o,X(t.columns,s));St(i,r.plot)&&e(i,n*t.columns.count+s,n)}}}function uc(r,t){let{layout:e,palette:n}=t,{plot:o,rowMarks:s,columnMarks:i,size:a}=e,l={size:G,colour:n.dimmed},c=i.named?10:o.y-28;r.text(o.x,c,`${t.columnTitle} \u2192`,l),r.clipped({x:0,y:o.y,width:18,height:a.height-o.y},()=>r.text(9,o.y,`\u2190 ${t.rowTitle}`,{...l,angle:-90,anchor:"end"}));for(let h of s.marks)(!s.named||s.every>1)&&js(r,t,o.x-4,o.y+h.at,4,0),rr(r,e,h,Ds(t,h),!1);for(let h of i.marks)(!i.named||i.every>1)&&js(r,t,o.x+h.at,o.y-4,0,4),Je(r,e,h,Ds(t,h),!1)}function js(r,{palette:t},e,n,o,s){r.line([[e,n],[e+o,n+s]],t.frame,1)}function Ds({dimSpecial:r,palette:t},e){return e.special&&r?t.dimmed:t.text}function rr(r,t,e,n,o){let s={size:mc(t),colour:n,anchor:"end",bold:o};r.text(t.plot.x-6,t.plot.y+e.at,e.text,s)}function mc({rowMarks:r,letters:t}){return r.named?t:G}function Je(r,t,e,n,o){let{plot:s,columns:i,columnMarks:a,letters:l}=t,c=s.x+e.at;i==="level"||!a.named?r.text(c,s.y-11,e.text,{size:G,colour:n,bold:o,anchor:"middle"}):r.text(c,s.y-8,e.text,{size:l,colour:n,bold:o,angle:Zn[i]})}function dc(r,t){let{layout:e,palette:n,margins:o,marginGrids:s}=t,{received:i,entropy:a,plot:l}=e,c={received:o?.received??new Float32Array,entropy:o?.entropy??new Float32Array};if(i&&(or(r,t,i,"received",Ws(c.received)),s&&ce(r,e,i,c.received,s.columns,"down",n.dimmed)),a){s&&ce(r,e,a,c.entropy,s.rows,"across",n.dimmed);let h=Ws(c.entropy);sr(r,t,a,"entropy",h===null?null:`${L(h)} nats`)}for(let h of[i,a]){if(!h)continue;let p=h.y>=l.y+l.height?[h.x,h.y+h.height]:[h.x,h.y],u=[p[0]+(p[1]>h.y?h.width:0),h.y+h.height];r.line([p,u],n.frame,1)}}function Ws(r){return r.length===0?null:r.reduce((t,e)=>Math.max(t,Math.abs(e)),0)}function or(r,t,e,n,o){let s={size:11,colour:t.palette.dimmed,anchor:"end"};r.text(e.x-6,e.y+e.height-6,n,s),o!==null&&r.text(e.x-6,e.y+e.height-19,`\u2264 ${ir(o)}`,{...s,mono:!0})}function sr(r,t,e,n,o){let{layout:s,palette:i}=t;if(!s.received)return;let a={size:10,colour:i.dimmed},l={...a,mono:!0},c=e.y-8;if(s.columns==="level"){r.text(e.x,c,n,a),o!==null&&r.text(e.x,c-12,`\u2264 ${o}`,l);return}let h=Zn[s.columns];r.text(e.x+4,c,n,{...a,angle:h}),o!==null&&r.text(e.x+18,c,`\u2264 ${o}`,{...l,angle:h})}function ir(r){return r>=100?Math.round(r).toLocaleString("en-US"):L(r)}function ce(r,t,e,n,o,s,i){let a=0,l=0;for(let p=0;p<o.count;p++)a=Math.max(a,n[p]),l=Math.min(l,n[p]);let c=Math.max(a,-l);if(c===0)return;let h=l<0?.5:0;r.clipped(e,()=>{for(let p=0;p<o.count;p++){let u=n[p]/c*(1-h);if(u===0)continue;let[m,d]=[h+Math.min(u,0),Math.abs(u)],f=X(o,p);if(s==="down"){let{x:g,width:w}=U(t,[0,0],f),y=d*e.height;r.rect({x:g,y:e.y+e.height*(1-m)-y,width:Ks(w),height:y},i)}else{let{y:g,height:w}=U(t,f,[0,0]),y=d*e.width;r.rect({x:e.x+m*e.width,y:g,width:y,height:Ks(w)},i)}}})}function Ks(r){return r>=6?r-1:r+.7}function fc(r,{layout:{bar:t},palette:e},n){n.forEach((o,s)=>{let i=t.y+20*s;r.rect({x:t.x,y:i,width:12,height:12},qs(s)),r.text(t.x+17,i+6,`head ${o}`,{size:11,colour:e.text})})}function gc(r,{layout:{bar:t},scale:e,palette:n}){for(let s=0;s<64;s++){let i=(s+.5)/64,a=e.signed?2*i-1:i,l=t.y+t.height*(1-(s+1)/64);r.rect({x:t.x,y:l,width:t.width,height:t.height/64+.5},J(a,n))}r.outline(t,n.frame,1);for(let{place:s,text:i}of Ce(e)){let a=t.y+t.height*(1-s),l=t.x+t.width;r.line([[l,a],[l+3,a]],n.frame,1),r.text(l+6,a,i,{size:11,colour:n.text,mono:!0})}}var Ys=15;function Xe(r,t,e,n,o){let{layout:s,palette:i,cells:a}=t,{plot:l}=s,c=bc(s,e,a);if(wc(r,t,e,n),!c)return;let h=a!==null&&nr(s,a),p=h?[c.y,c.y+c.height]:[c.y+c.height/2],u=h?[c.x,c.x+c.width]:[c.x+c.width/2];r.clipped(l,()=>{let m=c.x+c.width,d=c.y+c.height;for(let f of p)r.line([[l.x,f],[c.x,f]],i.accent,1),r.line([[m,f],[l.x+l.width,f]],i.accent,1);for(let f of u)r.line([[f,l.y],[f,c.y]],i.accent,1),r.line([[f,d],[f,l.y+l.height]],i.accent,1)}),r.outline(c,i.accent,e.pinned?3:2),yc(r,s,i,e,o),e.lines.length>0&&kc(r,s,i,e,c,o)}function bc(r,{row:t,column:e},n){let o=(c,h)=>{if(!c||At(c,h)<0)return[h,h+1];let p=c.first+At(c,h)*c.step;return[p,Math.min(p+c.step,c.last)]},s=U(r,o(n?.rows,t),o(n?.columns,e));if(!St(s,r.plot))return null;let i=8,a=Math.max(s.width,i),l=Math.max(s.height,i);return{x:s.x-(a-s.width)/2,y:s.y-(l-s.height)/2,width:a,height:l}}function yc(r,t,e,{row:n,column:o,rowText:s,columnText:i},a){let{plot:l,frame:c,rowMarks:h,columnMarks:p,rowRoom:u,columnRoom:m,size:d}=t,f=(k,x)=>k.find(A=>A.unit===x),g=h.named&&h.every===1?f(h.marks,n):void 0,w=p.named&&p.every===1?f(p.marks,o):void 0,y=l.y+(n+.5-c.view.top)*c.y,v=l.x+(o+.5-c.view.left)*c.x;if(g)rr(r,t,g,e.accent,!1);else{let k=oe(s,u,a);for(let x of[y,...Js(h.marks,y-l.y,Ys).map(A=>l.y+A.at)])r.rect({x:l.x-8-u,y:x-8,width:u+3,height:16},e.background);r.text(l.x-6,y,k,{size:G,colour:e.accent,anchor:"end"})}if(w)Je(r,t,w,e.accent,!1);else{let k=oe(i,m,a);if(p.named&&t.columns!=="level"){let x=[{at:v-l.x,text:k},...Js(p.marks,v-l.x,Ys/Math.SQRT1_2)];for(let E of x){let M=(a(E.text)+8)*Math.SQRT1_2,C=l.x+E.at;r.line([[C,l.y-8],[C+M,l.y-8-M]],e.background,16)}let A={unit:o,at:v-l.x,text:k,special:!1};Je(r,t,A,e.accent,!1)}else{let x=a(k)+8,A=Math.min(Math.max(v-x/2,0),d.width-x),E=A+x/2;r.rect({x:A,y:l.y-20,width:x,height:16},e.background);for(let M of p.marks){let C=a(M.text)/2+2,q=l.x+M.at;Math.abs(q-E)<C+x/2&&r.rect({x:q-C,y:l.y-20,width:2*C,height:16},e.background)}r.text(E,l.y-11,k,{size:G,colour:e.accent,anchor:"middle"})}}}function Js(r,t,e){return r.filter(n=>Math.abs(n.at-t)<e)}function wc(r,t,{row:e,column:n},o){let{layout:s,cells:i,palette:a}=t,{rowProfile:l,columnProfile:c}=s,h=o&&o.row===e&&o.column===n?o:null,p=h?{values:h.ofRow.values,grid:h.ofRow.columns}:vc(i,e),u=h?{values:h.ofColumn.values,grid:h.ofColumn.rows}:xc(i,n),m=d=>d.reduce((f,g)=>Math.max(f,Math.abs(g)),0);if(l&&p&&(or(r,t,l,"this row",m(p.values)),ce(r,s,l,p.values,p.grid,"down",a.accent)),c&&u){let d=h&&h.ofColumn.rows.step>1?"sampled column":"this column";sr(r,t,c,d,ir(m(u.values))),ce(r,s,c,u.values,u.grid,"across",a.accent)}}function vc(r,t){let e=r?At(r.rows,t):-1;if(!r||e<0)return null;let{count:n}=r.columns;return{values:r.values.subarray(e*n,(e+1)*n),grid:r.columns}}function xc(r,t){let e=r?At(r.columns,t):-1;return!r||e<0?null:{values:Float32Array.from({length:r.rows.count},(o,s)=>r.values[s*r.columns.count+e]),grid:r.rows}}function kc(r,{size:t},e,{lines:n},o,s){let i=Math.min(420,t.width-24),a=n.map(g=>oe(g,i,s)),l=Math.max(...a.map(s))+16,c=a.length*17+10,h=12,p=o.x+o.width+h,u=p+l<=t.width?p:Math.max(0,o.x-h-l),m=o.y+o.height+h,d=m+c<=t.height?m:o.y-h-c,f={x:u,y:Math.max(0,d),width:l,height:c};r.rect(f,e.background),r.outline(f,e.frame,1),a.forEach((g,w)=>{r.text(f.x+8,f.y+13+w*17,g,{size:12,colour:e.text})})}var ar=16,[Ac,Sc,Mc,Ec]=[26,260,560,1e3],Tc=1.2,$c=58;function Xs(r,t,e,n){let o=Math.max(t.rows.count,t.columns.count),s=I(o*Ac+Sc,Mc,Ec),i=ae({width:s,height:s},t,e,n);return Math.min(r.frame.x,r.frame.y)>=Math.min(i.frame.x,i.frame.y)?r:i}function Lc({plot:r,received:t,rowProfile:e,bar:n,entropy:o,columnProfile:s}){let i=Math.max(...[r,t,e,n].map(l=>l?l.y+l.height:0)),a=Math.max(...[r,o,s].map(l=>l?l.x+l.width:0));return{width:Math.ceil(Math.max(a,n.x+n.width+$c)),height:Math.ceil(i+8)}}function Qs(r,{title:t,status:e},n,o,s){let{width:i,height:a}=Lc(r.layout),{palette:l}=r,c=Ct(t,i-16,m=>Tc*o(m)),h=[...Ro(e,i-16,o),...n?.crosshair.lines??[]],p=(h.length+c.length)*ar+8,u=new Ot(i,a+p,s);return u.rect({x:0,y:0,width:i,height:p},l.background),c.forEach((m,d)=>{u.text(8,12+d*ar,m,{size:13,colour:l.text,bold:!0})}),h.forEach((m,d)=>{u.text(8,12+(d+c.length)*ar,m,{size:G,colour:l.dimmed})}),u.shifted(0,p,()=>{let m={...r,layout:{...r.layout,size:{width:i,height:a}}};Ye(u,m,!0),n&&Xe(u,m,{...n.crosshair,lines:[]},n.probed,o)}),u.document(`${t}: ${e}`)}function Zs(r,t){let e=b("div","map-view"),n=b("div","map-zoom");n.append(lr("\u2212","zoom out",t.out),lr("+","zoom in",t.in),lr("\u2922","whole map",t.whole));let o=b("div","map-stage"),s=b("canvas","map-canvas");s.tabIndex=0,s.setAttribute("role","img"),s.setAttribute("aria-label","attention map");let i=b("canvas","map-overlay");return i.setAttribute("aria-hidden","true"),o.append(s,i),e.append(o,n),r.append(e),{element:e,stage:o,base:s,overlay:i}}function lr(r,t,e){let n=T(r,t,e);return n.setAttribute("aria-label",t),n}function ti(r,t){let e=new Map,n=null,o=!1,s=!1,i=f=>{let g=r.getBoundingClientRect();return{x:f.clientX-g.left,y:f.clientY-g.top}},a=f=>({x:f.clientX,y:f.clientY}),l=f=>{f.button===0&&(r.setPointerCapture(f.pointerId),e.set(f.pointerId,a(f)),e.size===1?(n=i(f),o=f.shiftKey,s=!1):(o=!1,s=!0))},c=f=>{let g=i(f),w=e.get(f.pointerId);if(!w){e.size===0&&t.hover(g);return}if(n&&!s&&Math.hypot(g.x-n.x,g.y-n.y)<4)return;s=!0;let y=a(f),v=[...e].find(([k])=>k!==f.pointerId)?.[1];if(e.set(f.pointerId,y),v){let k=A=>Math.max(1,Math.hypot(A.x-v.x,A.y-v.y));t.pan((y.x-w.x)/2,(y.y-w.y)/2);let x={x:g.x+(v.x-y.x)/2,y:g.y+(v.y-y.y)/2};t.zoom(k(y)/k(w),x)}else o&&n?t.box(n,g,!1):t.pan(y.x-w.x,y.y-w.y)},h=f=>{if(!e.delete(f.pointerId)||e.size>0)return;let g=i(f);f.type==="pointerup"&&n?s?o&&t.box(n,g,!0):t.click(g):o&&n&&t.box(n,n,!0),n=null,o=!1,f.pointerType!=="mouse"&&t.leave()},d=[["pointerdown",l],["pointermove",c],["pointerup",h],["pointercancel",h],["pointerleave",()=>{e.size===0&&t.leave()}],["wheel",f=>{let g=f.deltaMode===1?20:f.deltaMode===2?400:1,[w,y]=[f.deltaX*g,f.deltaY*g];if(!f.ctrlKey&&Math.abs(w)>Math.abs(y)){t.pan(-w,0),f.preventDefault();return}let v=Math.exp(-Math.max(-240,Math.min(240,y))*.0022*(f.ctrlKey?4:1));(t.zoom(v,i(f))||f.ctrlKey)&&f.preventDefault(),e.size===0&&t.hover(i(f))},{passive:!1}],["dblclick",f=>{t.zoom(f.altKey||f.shiftKey?.5:2,i(f)),f.preventDefault()}]];for(let[f,g,w]of d)r.addEventListener(f,g,w);return()=>{for(let[f,g]of d)r.removeEventListener(f,g)}}async function it(r,t,e,n,o,s,i=!1){let{rows:a,columns:l}=n,c=ne(t,e,a,l),h=cr(t,e,n),p=h.hideSpecial&&t.renormalise,u={...h,how:c,renormalise:p,sample:o,...i?{quick:i}:{}},{values:m,sampled:d,every:f}=await r.region(u,s);return{rows:a,columns:l,values:c==="mass"?bs(m,l):m,sampled:d,every:f,read:!0}}function cr(r,t,{rows:e,columns:n}){return{map:r.map,heads:r.heads,rows:Yn(t.rows,e),columns:Yn(t.columns,n),hideSpecial:r.special==="hidden",rowAxis:N(t.info,r)}}function hr({several:r,heads:t}){return r==="colours"&&t.length>1&&t.length<=De.length}function ei(r,t,e){let n=r.map(s=>Pt(t==="row"?"linear":t,s,!1,e)),o={...n[0],top:Math.max(...n.map(({top:s})=>s))};return r.map(s=>s.map(i=>Math.max(0,tt(i,o))))}var Qe=class{constructor(t,e){this.app=t;this.changed=e}app;changed;found=null;asked="";abort=new AbortController;look(t,e,n){if(!hr(t)||!n?.read)return null;let{map:o,heads:s,unit:i,special:a,renormalise:l,rowAxis:c,how:h,pair:p}=t,u=JSON.stringify([o,s,i,a,l,c,h,p]),m=JSON.stringify([u,n.rows,n.columns,n.sampled,n.every]);return m!==this.asked&&(this.asked=m,this.abort.abort(),this.abort=new AbortController,this.read(t,e,n,u,this.abort.signal)),this.found?.subject===u&&Ht(this.found.cells,n)?this.found.layers:null}stop(){this.abort.abort()}async read(t,e,n,o,s){try{let i=l=>it(this.app.source,{...t,heads:[l]},e,n,n.sampled,s,n.every>1),a=(await Promise.all(t.heads.map(i))).map(({values:l})=>l);if(s.aborted)return;this.found={subject:o,cells:n,layers:a},this.changed()}catch(i){s.aborted||this.app.fail(i)}}};var Oc=40,Cc=180,Pc=1<<20,qc=4,Ze=class{constructor(t,e){this.app=t;this.changed=e}app;changed;cells=null;margins=null;reading=!1;subject="";plan=null;earlier=[];far=null;overview=null;overviewOf=-1;overviewAbort=new AbortController;looked=null;abort=new AbortController;timer;look(t,e,n){let o=JSON.stringify([t.map,t.heads,t.unit,t.special==="hidden",t.how,t.rowAxis,t.pair,t.special==="hidden"&&t.renormalise]),s=Nt(n,e,ee),i=o!==this.subject;if(!i&&this.plan&&Ht(this.plan,s))return;i&&(this.earlier=[],this.margins=null),this.withdraw();let a=this.subject==="";if(this.subject=o,this.plan=s,s.rows.count===0||s.columns.count===0){this.cells=null;return}this.abort=new AbortController,this.looked={state:t,shown:e,frame:n},this.lookFromAfar(t,s),this.reading=!0;let{signal:l}=this.abort,c=()=>{this.read(t,e,s,l)};a||i?c():this.timer=setTimeout(c,Oc)}stop(){this.withdraw(),this.overviewAbort.abort()}withdraw(){clearTimeout(this.timer),this.abort.abort(),this.reading=!1}async read(t,e,n,o){let s=re(e.rows,n.rows),i=s*re(e.columns,n.columns)>Pc&&s>n.rows.count,a=async(l,c)=>{let h=await it(this.app.source,t,e,n,l,o,c);return o.aborted||this.keep(h),h};try{let l=performance.now(),c=await a(i?1:0,!0);if(o.aborted||(this.readMargins(cr(t,e,n),n,o),(i||c.every>1||c.sampled>0)&&(await pr(Cc-(performance.now()-l),o),o.aborted||(await a(0,!1),o.aborted))))return;this.reading=!1,this.changed()}catch(l){if(o.aborted)return;this.reading=!1,this.app.fail(l),this.changed()}}async readMargins(t,e,n){try{let o=await this.app.source.margins(t,n);if(n.aborted)return;this.margins={grids:e,margins:o},this.changed()}catch(o){n.aborted||this.app.fail(o)}}keep(t){this.cells=t,this.earlier=[t,...this.earlier.filter(e=>!Ht(e,t))].slice(0,qc),this.changed()}lookFromAfar(t,e){let n=this.earlier.find(o=>Ht(o,e));if(n){this.cells=n;return}this.cells=this.fromAfar(),this.overviewOf!==t.map&&this.readOverview(t.map)}fromAfar(){if(!this.looked)return null;let{state:t,shown:e,frame:n}=this.looked;return ws(n,e,this.earlier,this.farOf(t),t.unit!=="tokens")}farOf({map:t,heads:e,how:n}){if(this.overview?.map!==t)return null;let{answer:o}=this.overview,s=JSON.stringify([t,e,n]);if(this.far?.subject!==s){let i=ys(o,e,n);this.far={subject:s,rows:o.rows,columns:o.columns,values:i}}return this.far}async readOverview(t){this.overviewOf=t,this.overviewAbort.abort(),this.overviewAbort=new AbortController;let{signal:e}=this.overviewAbort;try{let n=await this.app.source.overview(t,e);if(e.aborted||(this.overview={map:t,answer:n},this.cells))return;this.cells=this.fromAfar(),this.changed()}catch(n){e.aborted||this.app.fail(n)}}};function pr(r,t){return new Promise(e=>{let n=setTimeout(e,Math.max(r,0));t.addEventListener("abort",()=>{clearTimeout(n),e()})})}var Rc=150,tn=class{constructor(t,e){this.app=t;this.changed=e}app;changed;found=null;abort=new AbortController;question="";look(t,e,n,o){let s=n&&o&&(o.rows.step>1||o.columns.step>1),{heads:i,map:a,unit:l,special:c,renormalise:h,rowAxis:p,how:u}=t,m=s?JSON.stringify([n,o.rows,o.columns,i,a,l,c,h,p,u]):"";m!==this.question&&(this.question=m,this.abort.abort(),this.found=null,s&&(this.abort=new AbortController,this.read(t,e,n,o,this.abort.signal)))}stop(){this.abort.abort(),this.question="",this.found=null}async read(t,e,{row:n,column:o},{rows:s,columns:i},a){if(await pr(Rc,a),a.aborted)return;let l={first:n,last:n+1,step:1,count:1},c={first:o,last:o+1,step:1,count:1},h=(p,u)=>it(this.app.source,t,e,p,u,a);try{let[p,u,m]=await Promise.all([h({rows:l,columns:c},0),h({rows:l,columns:i},0),h({rows:s,columns:c},1)]);if(a.aborted)return;this.found={row:n,column:o,weight:p.values[0],ofRow:u,ofColumn:m},this.changed()}catch(p){a.aborted||this.app.fail(p)}}};var ni=400,Ic=200;function si(r,t,e,n,o=!1){let s=Z(o),{rows:i,columns:a,values:l}=e,c=l.length<=ni?Array.from(l.keys()):He(l,Ic),h=$(l.length),p=c.length>0?`the ${c.length} strongest of ${h} cells`:`all ${h} cells are 0`,u=l.length<=ni?"all cells on screen":p;return{caption:`${O(t.info,r.heads)}: ${u}; ${n}`,columns:["query",t.rows.axis.title,"key",t.columns.axis.title,"weight"],rows:c.map(m=>{let d=X(i,Math.floor(m/a.count)),f=X(a,m%a.count);return[ri(t.rows,d),oi(t.rows,d),ri(t.columns,f),oi(t.columns,f),s(l[m])]})}}function ri(r,[t,e]){let n=r.start(t),o=r.stop(e-1);return o-n===1?String(n):`${n}\u2013${o-1}`}function oi(r,[t,e]){let n=S(r.label(t));return e-t===1?n:`${n} \u2026 ${S(r.label(e-1))}`}function ii(r,t,e,n,o){if(t.rows.count===0||t.columns.count===0)return"every token is special, and special tokens are hidden";if(!e)return"reading \u2026";let i=[e.read?Hc(r,t,e.rows,e.columns):"what is known from afar, until it has been read"],a=re(t.rows,e.rows)/Math.max(e.rows.count,1);if(e.read&&e.sampled>0&&a>e.sampled&&i.push(`read from 1 query in ${$(Math.max(2,Math.round(a/e.sampled)))}`),e.read&&e.every>1&&i.push(`1 row of cells in ${$(e.every)} read, which stands for the others`),n&&e.read&&i.push("reading the rest \u2026"),o>0){let l=o===1?"1 query":`${$(o)} queries`;i.push(`margins estimated from at most ${l} in each cell`)}if(r.heads.length>1&&i.push(hr(r)?`${r.heads.length} heads, a colour each`:`mean of ${r.heads.length} heads`),t.info.error>0&&i.push(`error at most ${Kt(t.info.error)}`),r.pair!=="all"){let[l,c]=r.pair.toUpperCase().split("-");i.push(`rows of sentence ${l}, columns of sentence ${c}`)}return r.special==="hidden"&&(i.push("special tokens hidden"),r.renormalise&&i.push("rows renormalised over the other tokens")),r.scale==="log"&&i.push(`colours by logarithm, down to ${Kt(1e-6)}`),r.scale==="row"&&i.push("each row coloured by its own largest"),i.join(" \xB7 ")}function Hc(r,t,e,n){let o=e.step===1&&n.step===1,s=ne(r,t,e,n),i=`${$(e.step)} \xD7 ${$(n.step)}`;if(s==="mass"){let l=r.unit.slice(0,-1);return o?`each cell is the weight of a ${l} on a ${l}: keys summed, queries averaged`:`each cell is the mean of ${i} ${r.unit}`}if(o)return"each cell is one weight";let a=r.unit==="tokens"?"weights":`in ${r.unit}`;return s==="max"?`each cell is the largest of ${i} ${a}`:`each cell is the mean of ${i} ${a}`}function ai(r,t,e,n,o,s){let i=e.columns.axis.title,a=(d,f)=>e.rows.axis.title===i?`${d} (${f})`:d,l=us(r,e,n.row).map(({title:d,text:f})=>`${a(d,"query")}: ${z(f)}`),c=(d,f)=>f-d>1?`${$(d)}\u2013${$(f-1)}`:$(d);l[0]+=`  (${c(e.rows.start(n.row),e.rows.stop(n.row))})`;let h=z(S(e.columns.label(n.column))),p=c(e.columns.start(n.column),e.columns.stop(n.column)),u=[...l,`${a(i,"key")}: ${h}  (${p})`],m=o&&o.rows[1]-o.rows[0]===1&&o.columns[1]-o.columns[0]===1;return o?.cells.read?m?u.push(`weight ${L(o.value)}`):(s&&s.row===n.row&&s.column===n.column&&u.push(`weight ${L(s.weight)}`),u.push(`${Fc(t,e,o)} ${L(o.value)}`)):u.push("reading \u2026"),u}function Fc(r,t,e){let n=`${$(e.rows[1]-e.rows[0])} \xD7 ${$(e.columns[1]-e.columns[0])}`;return ne(r,t,e.cells.rows,e.cells.columns)==="max"?`largest of ${n}`:`mean of ${n}`}function ur(r,t,e){if(!r)return null;let n=t-r.rows.first,o=e-r.columns.first;if(n<0||o<0||t>=r.rows.last||e>=r.columns.last)return null;let s=Math.floor(n/r.rows.step),i=Math.floor(o/r.columns.step);return{value:r.values[s*r.columns.count+i],rows:X(r.rows,s),columns:X(r.columns,i),cells:r}}function he({axis:r,unit:t}){return ot(r,t)?`${r.title}, as ${t}`:r.title}function en(r,t){let e=(n,o,s)=>{if(n.count===0)return"none";let i=n.start(Math.max(Math.floor(o),0)),a=n.stop(Math.min(Math.ceil(s),n.count)-1)-1;return`${$(i)} to ${$(a)} of ${$(n.axis.tokens.length)}`};return`rows, ${he(r.rows)}, ${e(r.rows,t.top,t.bottom)}; columns, ${he(r.columns)}, ${e(r.columns,t.left,t.right)}`}function li(r,t,e,n){return`attention map, ${O(t.info,r.heads)}: ${en(t,e)}; ${n}`}var ci=new WeakMap,Ut=1.5,Bc={"+":Ut,"=":Ut,"-":1/Ut,"\u2212":1/Ut,0:0},zc=new Float32Array,nn=class{constructor(t,e){this.app=e;this.shown=F(e.manifest,e.store.state),this.measure=qo(document.createElement("canvas").getContext("2d"),G),this.reader=new Ze(e,()=>this.request("base")),this.probe=new tn(e,()=>{this.unsaid||=!this.pointed,this.request("overlay")}),this.layers=new Qe(e,()=>this.request("base")),this.elements=Zs(t,{out:()=>this.zoomAtCrosshair(1/Ut),in:()=>this.zoomAtCrosshair(Ut),whole:()=>this.app.store.set({viewport:null})}),this.recount(ci.get(e.store));let n=new ResizeObserver(()=>this.resize());n.observe(this.elements.stage),this.stops.push(()=>n.disconnect(),e.store.subscribe((o,s)=>this.changed(o,s)),ti(this.elements.base,{hover:o=>this.hover(o),leave:()=>this.leave(),click:o=>this.click(o),pan:(o,s)=>this.pan(o,s),zoom:(o,s)=>this.zoom(o,s),box:(o,s,i)=>this.drawBox(o,s,i)})),this.resize()}app;elements;stops=[];reader;probe;layers;measure;size={width:0,height:0};shown;scene=null;box=null;frameRequest=0;destroyed=!1;dirty={base:!0,overlay:!0};pointed=!1;unsaid=!1;redraw(){this.request("base")}destroy(){ci.set(this.app.store,{viewport:this.app.store.state.viewport,shown:this.shown}),cancelAnimationFrame(this.frameRequest),this.destroyed=!0;for(let t of this.stops)t();this.reader.stop(),this.probe.stop(),this.layers.stop(),this.app.sharedTop?.leave(this),this.elements.element.remove()}keydown(t){let e=this.scene?.layout;if(!e||t.altKey||t.metaKey||t.ctrlKey&&t.key!=="Home"&&t.key!=="End")return!1;let{state:n}=this.app.store,o=Ft(n,this.shown),s=Bc[t.key];if(s!==void 0)s===0?this.app.store.set({viewport:null}):this.zoomAtCrosshair(s),this.app.say(en(this.shown,this.layout().frame.view));else if(t.key==="Enter"&&o)this.app.store.set({pinned:!0}),this.app.say("pinned");else if(t.key==="Escape"&&n.pinned)this.app.store.set({pinned:!1}),this.app.say("");else{let i=vs(t,o,e,this.scene?.cells??null);if(!i)return!1;this.moveTo(i,e)}return!0}contentHeight(){return Ps(this.shown,this.elements.stage.clientWidth,this.measure)}async table(t){let{state:e}=this.app.store,n=await this.exactCells();return si(e,this.shown,n,this.statusOf(n,!1),t)}async svg(){let{state:t}=this.app.store,e=Xs(this.layout(),this.shown,t.viewport,this.measure),{view:n}=e.frame,o=As(this.layout().frame.view,n)?await this.exactCells():await it(this.app.source,t,this.shown,Nt(e.frame,this.shown,ee),0),s=this.sceneOf(o,e),i=`${S(this.app.manifest.title,120)} \u2013 ${O(this.shown.info,t.heads)}`,a=t.pinned?this.crosshair(s):null,l=a&&{crosshair:a,probed:this.probe.found},h=[t.viewport?`part of the map: ${en(this.shown,n)}`:"",this.statusOf(o,!1)].filter(p=>p!=="");return Qs(s,{title:i,status:h.join(" \xB7 ")},l,this.measure,Oe)}changed(t,e){if(((...o)=>[...e].every(s=>o.includes(s)))("query","key","pinned")){this.request("overlay");return}if(["map","unit","special","rowAxis","pair"].some(o=>e.has(o))){let o={viewport:e.has("viewport")?null:t.viewport,shown:this.shown};this.shown=F(this.app.manifest,t),this.scene=null,this.recount(o)}this.request("base")}recount(t){let{viewport:e}=this.app.store.state;!t?.viewport||!e||JSON.stringify(t.viewport)!==JSON.stringify(e)||this.app.store.set({viewport:ms(e,t.shown,this.shown)})}resize(){this.size={width:this.elements.stage.clientWidth,height:this.elements.stage.clientHeight},this.request("base")}hover(t){if(this.app.store.state.pinned||!this.scene)return;let e=tr(this.scene.layout,t.x,t.y);if(!e){this.leave();return}this.pointed=!0,this.app.store.set(Ue(e,this.shown))}leave(){!this.pointed||this.app.store.state.pinned||(this.pointed=!1,this.app.store.set({query:null,key:null}))}click(t){this.elements.base.focus({preventScroll:!0});let e=this.scene&&tr(this.scene.layout,t.x,t.y);if(!e)return;let{state:n}=this.app.store,o=Ft(n,this.shown),s=n.pinned&&o?.row===e.row&&o.column===e.column;this.pointed=s,this.app.store.set({...Ue(e,this.shown),pinned:!s})}pan(t,e){if(!this.scene)return;let{frame:n,extent:o,room:s}=this.scene.layout;this.app.store.state.viewport===null&&this.elements.stage.scrollBy(-t,-e),this.lookAt(Ts(n,o,s,t,e))}zoom(t,e){if(!this.scene)return!1;let{frame:n,extent:o,room:s,plot:i}=this.scene.layout,a={x:e.x-i.x,y:e.y-i.y},l=this.app.store.state.viewport;return this.lookAt(Es(n,o,s,t,a)),l!==null||this.app.store.state.viewport!==null}zoomAtCrosshair(t){if(!this.scene)return;let{plot:e,frame:n}=this.scene.layout,o=Ft(this.app.store.state,this.shown),i=o&&o.row>=n.view.top-1&&o.row<n.view.bottom&&o.column>=n.view.left-1&&o.column<n.view.right?o:null;this.zoom(t,{x:e.x+(i?(i.column+.5-n.view.left)*n.x:e.width/2),y:e.y+(i?(i.row+.5-n.view.top)*n.y:e.height/2)})}drawBox(t,e,n){if(!this.scene)return;let{plot:o,frame:s,extent:i,room:a}=this.scene.layout;if(this.box=n?null:{from:t,to:e},this.request("overlay"),!n||Math.hypot(t.x-e.x,t.y-e.y)<4)return;let l=p=>s.view.left+(p-o.x)/s.x,c=p=>s.view.top+(p-o.y)/s.y,h={top:c(Math.min(t.y,e.y)),bottom:c(Math.max(t.y,e.y)),left:l(Math.min(t.x,e.x)),right:l(Math.max(t.x,e.x))};this.lookAt($s(h,i,a))}moveTo(t,{frame:e,extent:n,room:o}){this.pointed=!1;let s=this.app.store.state.viewport&&Ls(e,n,o,t.row,t.column);this.app.store.set({...Ue(t,this.shown),viewport:s}),this.unsaid=!0,this.speak()}speak(){if(!this.unsaid||this.dirty.base||!this.scene?.cells?.read)return;let t=this.crosshair(this.scene);!t||!ur(this.scene.cells,t.row,t.column)||(this.unsaid=!1,this.app.say(t.lines.join(", ")))}lookAt(t){this.app.store.set({viewport:t}),this.scene&&(this.scene={...this.scene,layout:this.layout()})}request(t){this.dirty.overlay=!0,t==="base"&&(this.dirty.base=!0),this.frameRequest===0&&!this.destroyed&&(this.frameRequest=requestAnimationFrame(()=>this.draw()))}draw(){this.frameRequest=0,!(this.size.width<20||this.size.height<20)&&(this.dirty.base&&this.drawBase(),this.scene&&this.drawOverlay(this.scene),this.dirty={base:!1,overlay:!1},this.speak())}drawBase(){let{state:t}=this.app.store,e=this.layout();this.reader.look(t,this.shown,e.frame),this.scene=this.sceneOf(this.reader.cells,e),this.stretch(e.size);let n=Jt(this.elements.base,e.size);n&&Ye(new wt(n),this.scene,!1);let o=this.statusOf(this.reader.cells,this.reader.reading);this.app.describe(o),this.elements.base.setAttribute("aria-label",li(t,this.shown,e.frame.view,o)),this.elements.element.toggleAttribute("data-reading",this.reader.reading)}drawOverlay(t){let{state:e}=this.app.store;this.probe.look(e,this.shown,Ft(e,this.shown),t.cells);let n=Jt(this.elements.overlay,t.layout.size);if(!n)return;let o=new wt(n),s=this.crosshair(t);if(s&&!this.box&&Xe(o,t,s,this.probe.found,this.measure),this.box){let{from:i,to:a}=this.box,l={x:Math.min(i.x,a.x),y:Math.min(i.y,a.y)},c={width:Math.abs(a.x-i.x),height:Math.abs(a.y-i.y)};o.outline({...l,...c},this.app.palette.accent,1.5)}}stretch({width:t,height:e}){for(let{style:n}of[this.elements.base,this.elements.overlay])n.width=`${t}px`,n.height=`${e}px`}layout(){return ae(this.size,this.shown,this.app.store.state.viewport,this.measure)}sceneOf(t,e=this.layout()){let{state:n}=this.app.store,{probabilities:o,keys:s}=this.shown.info,i=Pt(n.scale,t?.values??zc,!o,o?1/s:0),a=i.name==="row"?i:{...i,top:this.app.sharedTop?.meet(this,i.top)??i.top},l=this.layers.look(n,this.shown,t);return{...Gs(this.app,this.shown),layout:e,rowTitle:he(this.shown.rows),columnTitle:he(this.shown.columns),cells:t,scale:a,layers:l&&{heads:n.heads,strengths:ei(l,n.scale,o?1/s:0)},margins:this.reader.margins?.margins??null,marginGrids:this.reader.margins?.grids??null,dimSpecial:n.special==="dimmed",palette:this.app.palette}}statusOf(t,e){let n=this.reader.margins?.margins.sampled??0;return ii(this.app.store.state,this.shown,t,e,n)}crosshair(t){let{state:e}=this.app.store,n=Ft(e,this.shown);if(!n)return null;let o=ur(t.cells,n.row,n.column);return{...n,pinned:e.pinned,rowText:S(this.shown.rows.label(n.row)),columnText:S(this.shown.columns.label(n.column)),lines:ai(this.app.manifest,e,this.shown,n,o,this.probe.found)}}async exactCells(){this.dirty.base&&this.draw();let{cells:t,reading:e}=this.reader;if(t?.read&&!e)return t;let{state:n}=this.app.store,o=Nt(this.layout().frame,this.shown,ee);return it(this.app.source,n,this.shown,o,0)}};var hi={name:"map",title:"Map",styles:ls,keys:[["\u2190 \u2191 \u2192 \u2193","move the crosshair by a cell (with Shift, by ten)"],["Home, End","first or last key on the row (with Ctrl, of the first or last query)"],["Page Up, Page Down","move by a screen"],["+, \u2212","zoom in or out around the crosshair"],["0","the whole map"],["Enter, Escape","pin the crosshair, let it go"],["wheel, pinch","zoom around the pointer"],["drag","move the map"],["double click","zoom in (with Alt, out)"],["Shift + drag","zoom to a box"]],settings:["unit","pair","special","renormalise","rowAxis","scale","how","several"],about:"Map: every weight of a head at once. A row is what looks, a column is what is looked at; point at a cell to read it, click to keep it.",meaning:({row:r,column:t,purpose:e,stronger:n,signed:o})=>o?`Each row is ${r}, each column ${t}; colours say how far a weight is from 0, and on which side.`:`Each row is ${r}; the ${n} a cell, the more the model looked at ${t}${e}.`,unavailable:r=>r.maps.length===0?"there is no map":null,mount:(r,t)=>new nn(r,t)};var Gc="13px system-ui, sans-serif";function ui(r,t,e){let n=(80+150*e)/255;return{stroke:J(t<0?-n:n,r),"stroke-width":(.6+5.4*e).toFixed(2),"stroke-opacity":(.25+.7*e).toFixed(2)}}function mr(r,t,e,n,o){let{text:s,dimmed:i}=n;return t.map((a,l)=>{let c=P("text",{x:a.x.toFixed(1),y:a.y.toFixed(1),"text-anchor":a.anchor,fill:o(l)?i:s,class:"label","data-side":e,"data-at":l,"font-family":"system-ui, sans-serif","font-size":13,"unicode-bidi":"plaintext"});return c.textContent=a.text,r.append(c),c})}var pi=30;function mi(r,t,e){let n=Number(r.getAttribute("width")),o=Number(r.getAttribute("height")),s={width:n,height:o+pi},i=P("svg",{...s,viewBox:`0 0 ${s.width} ${s.height}`});i.append(P("rect",{...s,fill:e.background}));let a={"font-family":"system-ui, sans-serif","font-size":13,"font-weight":"bold"};return i.append(P("text",{x:8,y:18,fill:e.text,...a},t)),r.setAttribute("y",String(pi)),i.append(r),new XMLSerializer().serializeToString(i)}function di(r,t,e,n){let o=t.direction==="columns",[s,i]=[t.keys[0],t.queries[0]],a=[[e.key,o?s?.x??0:t.width/2,14,o?"end":"middle"],[e.query,o?i?.x??0:t.width/2,o?14:t.height-6,o?"start":"middle"]];for(let[l,c,h,p]of a){let u={"font-family":"system-ui, sans-serif","font-size":11},m=P("text",{x:c,y:h,"text-anchor":p,fill:n.dimmed,...u});m.textContent=l,r.append(m)}}function fi(r,t,e,n){let o=[];for(let s=0;s<r.rows;s++){let i=r.values.subarray(s*r.columns,(s+1)*r.columns),a=1;e&&(a=i.reduce((l,c)=>Math.max(l,Math.abs(c)),0)||1),i.forEach((l,c)=>{l!==0&&Math.abs(l)>=t&&o.push({weight:l,query:s,key:c,size:Math.min(1,Math.abs(l)/a)})})}return o.sort((s,i)=>Math.abs(i.weight)-Math.abs(s.weight)),{kept:o.slice(0,n),left:Math.max(0,o.length-n)}}var pe;function gi(r){return pe===void 0&&(pe=document.createElement("canvas").getContext("2d")),pe?(pe.font=Gc,pe.measureText(r).width):7.5*[...r].length}var[bi,Uc]=[180,420];function yi({direction:r,height:t}){return r==="lines"?92+bi:t}function wi(r,t,e,n,o,s="auto"){let i=[r,t].map(f=>f.map(o)),a=i.map(f=>f.reduce((g,w)=>g+w+14,0)-14),l=Math.max(...a,0)+24;if(s==="lines"||s==="auto"&&l<=e){let f=Math.max(e,l),g=(v,k,x)=>{let A=(f-a[v])/2;return x.map((E,M)=>{let C={text:E,x:A+i[v][M]/2,y:k,width:i[v][M],anchor:"middle"};return A+=i[v][M]+14,C})},w=92,y=w+Math.max(bi,Math.min(Uc,n-w));return{direction:"lines",width:f,height:y,keys:g(0,22+24*.75,r),queries:g(1,y-22-24*.35,t)}}let c=i.map(f=>Math.min(Math.max(0,...f),260)),h=Math.max(140,Math.min(420,e-c[0]-c[1]-24)),p=Math.max(e,c[0]+c[1]+h+24),u=(p-h-c[0]-c[1])/2+c[0],m=Math.max(r.length,t.length),d=(f,g,w,y)=>y.map((v,k)=>({text:v,x:g,y:22+24*(k+.75)+(m-y.length)*24/2,width:i[f][k],anchor:w}));return{direction:"columns",width:p,height:22+m*24+12,keys:d(0,u,"end",r),queries:d(1,u+h,"start",t)}}function dr(r,t,e){let n=c=>c.toFixed(1);if(r.direction==="lines"){let[c,h]=[t.y+8,e.y-16],p=(c+h)/2;return`M${n(t.x)} ${n(c)}C${n(t.x)} ${n(p)} ${n(e.x)} ${n(p)} ${n(e.x)} ${n(h)}`}let[o,s]=[t.x+6,e.x-6],[i,a]=[t.y-4,e.y-4],l=(o+s)/2;return`M${n(o)} ${n(i)}C${n(l)} ${n(i)} ${n(l)} ${n(a)} ${n(s)} ${n(a)}`}var vi=`.ribbon {
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
.ribbon-stage .hidden-curve {
  display: none;
}
`;var xi=240,fr=4e3,_c=new Set(["pins","find","with","compare","several"]),Ai={name:"ribbon",title:"Ribbon",styles:vi,keys:[["\u2191 \u2193 \u2190 \u2192","next or previous token; the other side"],["Enter","hold the token, let it go"],["+ \u2212","draw more or fewer curves"],["l","lines or columns"]],settings:["unit","pair","special","renormalise","rowAxis","scale"],about:"Ribbon: two rows of words joined by curves, the wider the more weight. Point at a word to see its curves alone.",meaning:({row:r,column:t,purpose:e})=>`A curve joins ${r} to ${t} that it looked at${e}: the wider, the more.`,unavailable:()=>null,mount:(r,t)=>new gr(r,t)},gr=class{constructor(t,e){this.app=e;this.frame.className="ribbon";let n=document.createElement("div");n.className="ribbon-controls",Object.assign(this.threshold,{type:"range",min:"0",max:"1",step:"0.01"});let o=document.createElement("label");o.append("weights of at least",this.threshold,this.thresholdText),this.links.type="checkbox",this.linksLabel.append(this.links,"links that the alignment found"),this.turn.type="button",n.append(o,this.turn,this.linksLabel),this.stage.className="ribbon-stage",this.stage.tabIndex=0,this.frame.append(n,this.stage),t.append(this.frame),this.threshold.addEventListener("input",()=>this.app.store.set({threshold:Number(this.threshold.value)})),this.links.addEventListener("change",()=>this.draw()),this.turn.addEventListener("click",()=>this.turnAround()),this.stage.addEventListener("pointerover",s=>this.pointAt(s)),this.stage.addEventListener("pointerleave",()=>this.leave()),this.stage.addEventListener("click",s=>this.hold(s)),this.stop=e.store.subscribe((s,i)=>{[...i].every(a=>_c.has(a))||([...i].every(a=>a==="query"||a==="key"||a==="pinned")?this.highlight():[...i].every(a=>a==="threshold"||a==="scale")?this.draw():this.ask())}),this.sized=new ResizeObserver(()=>this.draw()),this.sized.observe(this.stage),this.ask()}app;frame=document.createElement("div");stage=document.createElement("div");said="";threshold=document.createElement("input");thresholdText=document.createElement("output");links=document.createElement("input");linksLabel=document.createElement("label");turn=document.createElement("button");stop;sized;asking=new AbortController;wanted="auto";drawn=null;side="query";destroy(){this.asking.abort(),this.stop(),this.sized.disconnect(),this.frame.remove()}redraw(){this.draw()}contentHeight(){return this.drawn&&this.frame.clientHeight-this.stage.clientHeight+yi(this.drawn.layout)+4}region=null;async ask(){this.asking.abort(),this.asking=new AbortController;let{signal:t}=this.asking,{state:e}=this.app.store,n=F(this.app.manifest,e),o=e.viewport,s=Fn(o?.top??0,o?.bottom??n.rows.count,n.rows.count,xi),i=Fn(o?.left??0,o?.right??n.columns.count,n.columns.count,xi);try{let a=await this.app.source.region(bt(e,n,s,i),t);if(t.aborted)return;this.region={shown:n,rows:s,columns:i,region:a},this.draw()}catch(a){t.aborted||this.app.fail(a)}}draw(){let{palette:t}=this.app,{state:e}=this.app.store;if(this.threshold.value=String(e.threshold),this.thresholdText.value=e.threshold.toFixed(2),!this.region)return;let{shown:n,rows:o,columns:s,region:i}=this.region,a=(w,[y,v])=>Array.from({length:v-y},(k,x)=>S(w.label(y+x),28)),l=wi(a(n.columns,s),a(n.rows,o),Math.max(320,this.stage.clientWidth-4),this.stage.clientHeight-4,gi,this.wanted);this.turn.textContent=l.direction==="lines"?"as columns":"as lines";let c=this.alignmentLinks(n,e);this.linksLabel.hidden=c===null;let h=fi(i,e.threshold,e.scale==="row",fr),p=P("svg",{width:l.width,height:l.height,viewBox:`0 0 ${l.width} ${l.height}`});p.setAttribute("role","img");let u=P("g",{fill:"none","stroke-linecap":"round"}),m=h.kept.map(({weight:w,query:y,key:v,size:k})=>{let x=P("path",{d:dr(l,l.keys[v],l.queries[y]),...ui(t,w,k)});return u.append(x),{weight:w,query:y,key:v,path:x}});p.append(u),c&&this.links.checked&&p.append(this.alignment(l,c,o,s));let d=e.special==="dimmed",f={key:mr(p,l.keys,"key",t,w=>d&&n.columns.special(s[0]+w)),query:mr(p,l.queries,"query",t,w=>d&&n.rows.special(o[0]+w))};di(p,l,{key:n.columns.axis.title,query:n.rows.axis.title},t);let g=P("g",{});p.append(g),this.stage.replaceChildren(p),this.drawn={shown:n,rows:o,columns:s,region:i,layout:l,links:m,left:h.left,labels:f,numbers:g},this.highlight()}alignmentLinks(t,e){if(t.info.kind!=="cross"||e.unit==="tokens")return null;let n=this.app.manifest.alignments.find(({item:a})=>a===t.info.item);if(!n)return null;let o=a=>Array.from({length:a.count},(l,c)=>c).filter(l=>!a.special(l)),[s,i]=[o(t.columns),o(t.rows)];return s.length!==n.sourceWords.length||i.length!==n.targetWords.length?null:n.links.map(([a,l])=>[s[a],i[l]])}alignment(t,e,n,o){let s=P("g",{fill:"none",stroke:this.app.palette.accent,"stroke-width":1.5,"stroke-dasharray":"4 3"});for(let[i,a]of e){let[l,c]=[t.keys[i-o[0]],t.queries[a-n[0]]];l&&c&&s.append(P("path",{d:dr(t,l,c)}))}return s}highlight(){let t=this.drawn;if(!t)return;let e=this.chosen(),{accent:n,text:o}=this.app.palette;t.numbers.replaceChildren();for(let{path:l,query:c,key:h}of t.links)l.classList.toggle("hidden-curve",e!==null&&(e.side==="query"?c:h)!==e.at);for(let l of["key","query"])t.labels[l].forEach((c,h)=>{c.setAttribute("font-weight",e?.side===l&&e.at===h?"700":"400")});if(this.stage.querySelector("svg")?.setAttribute("aria-label",this.caption()),!e){this.tell(this.caption());return}let s=e.side==="query"?"key":"query",i=t.layout[s==="key"?"keys":"queries"],a=t.links.filter(l=>l[e.side]===e.at);a.slice(0,40).forEach(l=>{let c=i[l[s]],h=t.layout.direction==="lines",p=(c.anchor==="end"?-1:1)*(c.width+8),u=P("text",{x:(h?c.x:c.x+p).toFixed(1),y:(h?c.y+(s==="key"?-15:14):c.y).toFixed(1),"text-anchor":c.anchor,fill:l===a[0]?n:o,"font-family":"ui-monospace, monospace","font-size":11});u.textContent=L(l.weight),t.numbers.append(u)}),this.tell(this.sentence(e,a))}tell(t){this.said=t,this.app.describe(t)}sentence(t,e){let n=this.drawn,o=(c,h)=>c==="query"?z(S(n.shown.rows.label(n.rows[0]+h))):z(S(n.shown.columns.label(n.columns[0]+h))),s=t.side==="query"?"key":"query",i=e.slice(0,6).map(c=>`${o(s,c[s])} ${L(c.weight)}`),a=t.side==="query"?"attends to":"is attended by",l=this.app.store.state.threshold.toFixed(2);return`${o(t.side,t.at)} ${a} ${i.join(", ")||`nothing with a weight of ${l} or more`}`}caption(){let t=this.drawn;if(!t)return"";let{state:e}=this.app.store,n=(o,[s,i],a)=>i-s<a?`; ${o} ${$(s)} to ${$(i-1)} of ${$(a)}`:"";return`${O(t.shown.info,e.heads)}: weights of at least ${e.threshold.toFixed(2)}`+(t.left>0?`, the strongest ${$(fr)} of ${$(fr+t.left)}`:"")+n("rows",t.rows,t.shown.rows.count)+n("columns",t.columns,t.shown.columns.count)}chosen(){let t=this.drawn;if(!t)return null;let{state:e}=this.app.store,n=this.side==="query"?["query","key"]:["key","query"];for(let o of n){let s=e[o];if(s===null)continue;let[i,[a,l]]=o==="query"?[t.shown.rows,t.rows]:[t.shown.columns,t.columns],c=i.unitOf(s);if(c>=a&&c<l)return{side:o,at:c-a}}return null}choose(t,e,n){let o=this.drawn;this.side=t;let s=t==="query"?o.shown.rows.start(o.rows[0]+e):o.shown.columns.start(o.columns[0]+e);this.app.store.set(t==="query"?{query:s,key:null,pinned:n}:{query:null,key:s,pinned:n})}pointAt(t){let e=ki(t);e&&!this.app.store.state.pinned&&this.choose(e.dataset.side,Number(e.dataset.at),!1)}hold(t){let e=ki(t);e?this.choose(e.dataset.side,Number(e.dataset.at),!0):this.app.store.set({pinned:!1,query:null,key:null})}leave(){this.app.store.state.pinned||this.app.store.set({query:null,key:null})}turnAround(){this.wanted=this.drawn?.layout.direction==="lines"?"columns":"lines",this.draw()}keydown(t){let e=this.drawn;if(!e)return!1;let n=e.layout.direction==="lines",o=n?{ArrowLeft:-1,ArrowRight:1}:{ArrowUp:-1,ArrowDown:1},s=n?{ArrowUp:"key",ArrowDown:"query"}:{ArrowLeft:"key",ArrowRight:"query"},{state:i}=this.app.store,a=o[t.key];if(a||s[t.key]){let l=this.chosen(),c=s[t.key]??l?.side??this.side,h=e.labels[c].length,p=l===null?0:Math.max(0,Math.min(h-1,l.at+(a??0)));h>0&&this.choose(c,p,i.pinned),this.app.say(this.said)}else if(t.key==="Enter")this.app.store.set({pinned:!i.pinned});else if(t.key==="Escape")this.app.store.set({pinned:!1,query:null,key:null});else if(t.key==="+"||t.key==="-"){let l=Math.max(0,Math.min(1,i.threshold+(t.key==="+"?-.01:.01)));this.app.store.set({threshold:Number(l.toFixed(2))})}else if(t.key==="l")this.turnAround();else return!1;return!0}async table(t=!1){let e=Z(t),n=this.drawn;if(!n)return{caption:"nothing is drawn yet",columns:[],rows:[]};let{rows:o,columns:s,shown:i}=n,a=this.chosen(),c=n.links.filter(h=>a===null||h[a.side]===a.at).sort((h,p)=>h.query-p.query||p.weight-h.weight).slice(0,500);return{caption:this.caption(),columns:[i.rows.axis.title,i.columns.axis.title,Lt(this.app.store.state)==="mass"?"mass":"weight"],rows:c.map(({query:h,key:p,weight:u})=>[S(i.rows.label(o[0]+h)),S(i.columns.label(s[0]+p)),e(u)])}}async svg(){let t=this.stage.querySelector("svg")?.cloneNode(!0);if(!t)throw new Error("nothing is drawn yet");for(let e of t.querySelectorAll(".hidden-curve"))e.remove();return mi(t,this.caption(),this.app.palette)}};function ki(r){return r.target.closest(".label")}var Si=`.steps-view {
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
`;function nt(r){let t=0;for(let e=0;e<r.length;e++)Number.isFinite(r[e])&&(t=Math.max(t,Math.abs(r[e])));return t}var br="http://www.w3.org/1998/Math/MathML";function Q(r,t){return["msub",r,t]}function yr(r){let t=document.createElementNS(br,"math");return t.setAttribute("displaystyle","true"),t.append(...r.map(Mi)),t}function Mi(r){if(typeof r!="string"){let[e,...n]=r,o=document.createElementNS(br,e);return o.append(...n.map(Mi)),o}let t=document.createElementNS(br,Dc(r));return t.textContent=r==="or"?"\xA0or\xA0":r,t}function Dc(r){return r==="or"?"mtext":/^\u2212?[\d\u221e]/.test(r)?"mn":/^\p{L}+$/u.test(r)&&r!=="\u03A3"?"mi":"mo"}function B(r){if(r===Number.NEGATIVE_INFINITY)return"\u2212\u221E";if(r===0)return"0";let t=Math.abs(r),e=t>=1e3||t<5e-4?t.toExponential(1):t.toFixed(t>=100?0:t>=10?1:t>=.1?2:3);return r<0?`\u2212${e}`:e}function Ei(r){let{queries:t,keys:e,dim:n,scale:o,softcap:s,sink:i}=r,a=(y,v)=>y.subarray(v*e,(v+1)*e),l=[],c=Q("s","j"),h=y=>l.push({...y,weights:!1,sink:null,sum:null});if(h({name:"q \xB7 k",formula:[c,"=","q","\xB7",Q("k","j")],plain:"s\u2C7C = q \xB7 k\u2C7C",values:r.scores,sentence:()=>`The query times each key: the sum of the ${n} products of their components.`}),o!==1){let y=Math.abs(o*Math.sqrt(n)-1)<1e-4;h({name:"scale",formula:y?[["mfrac",c,["msqrt","d"]]]:[c,"\xB7",B(o)],plain:y?"s\u2C7C / \u221Ad":`s\u2C7C \xB7 ${B(o)}`,values:r.scaled,sentence:()=>`Each score is ${y?`divided by \u221A${n} = ${B(Math.sqrt(n))}`:`multiplied by ${B(o)}`}, so that its size does not grow with the number of components.`})}if(r.capped&&s!==null){let y=String(Number(s.toPrecision(4)));h({name:"softcap",formula:[y,"\xB7","tanh",["mfrac",c,y]],plain:`${y} \xB7 tanh(s\u2C7C / ${y})`,values:r.capped,sentence:()=>`Each score is bent to stay between \u2212${y} and ${y}.`})}if(r.biased&&h({name:"bias",formula:[c,"+",Q("b","j")],plain:"s\u2C7C + b\u2C7C",values:r.biased,sentence:()=>"What the model adds to the score of this query and each key, by where they stand."}),r.masked){let{masked:y}=r;h({name:"mask",formula:[c,"or","\u2212\u221E"],plain:"s\u2C7C or \u2212\u221E",values:y,sentence:v=>{let k=a(y,v).filter(x=>x===Number.NEGATIVE_INFINITY).length;return`${k} of ${e} keys ${k===1?"is":"are"} hidden from this query: \u2212\u221E there, which no weight survives.`}})}let p=l[l.length-1];i!==null&&(p.sink=()=>i);let u=y=>a(p.values,y).reduce((v,k)=>Math.max(v,k),i??Number.NEGATIVE_INFINITY),m=(y,v)=>v===Number.NEGATIVE_INFINITY?0:Math.exp(y-v),d=p.values.map((y,v)=>m(y,u(Math.floor(v/e)))),f=y=>i===null?0:m(i,u(y)),g=y=>a(d,y).reduce((v,k)=>v+k,0)+f(y),w=Q("s","max");if(l.push({name:"exp",formula:[Q("e","j"),"=",["msup","e",["mrow",c,"\u2212",w]]],plain:"e\u2C7C = exp(s\u2C7C \u2212 max)",values:d,weights:!0,sink:i===null?null:f,sum:g,sentence:y=>u(y)===Number.NEGATIVE_INFINITY?"This query sees no key at all.":`The largest, ${B(u(y))}, is taken from each, so that nothing overflows; then e to that power. Their sum is ${B(g(y))}${i===null?"":", the sink's part in it"}.`}),l.push({name:"softmax",formula:[Q("w","j"),"=",["mfrac",Q("e","j"),["mrow","\u03A3","e"]]],plain:"w\u2C7C = e\u2C7C / \u03A3e",values:r.weights,weights:!0,sink:i===null?null:y=>g(y)===0?0:f(y)/g(y),sum:y=>a(r.weights,y).reduce((v,k)=>v+k,0),sentence:y=>{let v=a(r.weights,y).reduce((x,A)=>x+A,0);if(v===0)return"It sees nothing: its weights are 0.";let k=i===null?"":"; the sink takes the rest, and has no value to give";return`Each is divided by their sum: the weights, which sum to ${L(v)}${k}.`}}),t*e!==r.weights.length)throw new Error(`expected ${t} \xD7 ${e} weights, got ${r.weights.length}`);return l}var[wr,rn,vr]=[190,54,26],Wc="ui-monospace, monospace",Ti="system-ui, sans-serif";function $i({title:r,stages:t,query:e,labels:n,extras:o,palette:s}){let i=wr+rn*(n.length+o.length)+24,a=Ct(r,i-24,d=>7.4*[...d].length),l=64+18*(a.length-1),c=l+vr*t.length+12,h=P("svg",{width:i,height:c,viewBox:`0 0 ${i} ${c}`}),p=(...d)=>h.append(P(...d)),u=(d,f,g,w,y="middle",v=Wc,k=11)=>p("text",{x:d,y:f,fill:w,"text-anchor":y,"font-family":v,"font-size":k},g);p("rect",{width:i,height:c,fill:s.background}),a.forEach((d,f)=>{u(12,22+18*f,d,s.text,"start",Ti,14)});let m=d=>wr+rn*(d+.5);return[...n,...o.map(({name:d})=>d)].forEach((d,f)=>{u(m(f),l-12,[...d].length>8?`${[...d].slice(0,7).join("")}\u2026`:d,s.text)}),t.forEach((d,f)=>{let g=l+f*vr,w=n.length,y=d.weights?1:nt(d.values);u(12,g+17,`${d.name}:  ${d.plain}`,s.text,"start",Ti,13);for(let v=0;v<w;v++){let k=d.values[e*w+v],x=Number.isFinite(k)&&y>0?k/y:0,[A,E]=[J(x,s),pt(x,s)];p("rect",{x:wr+v*rn,y:g,width:rn-2,height:vr-2,fill:A}),u(m(v),g+16,B(k),E)}o.forEach((v,k)=>{let x=v.of(d);x!==null&&u(m(w+k),g+16,B(x),s.text)})}),new XMLSerializer().serializeToString(h)}var Kc=96;function Li(r,{queries:t,keys:e},n,o,s){return r.map((i,a)=>{let l=T("",`all queries: ${i.name}`,()=>s(a));l.className="steps-figure";let c=b("canvas");c.width=e,c.height=t,c.setAttribute("role","img"),c.setAttribute("aria-label",`${i.name} of all ${t} queries and ${e} keys, query ${n} marked`);let h=Kc/Math.max(t,e);c.style.width=`${e*h}px`,c.style.height=`${t*h}px`;let p=c.getContext("2d");p&&p.putImageData(new ImageData(Yc(i,o),e,t),0,0);let u=b("span","steps-matrix"),m=b("span","steps-mark");return m.style.top=`${n*h}px`,m.style.height=`${Math.max(2,h)}px`,u.append(c,m),l.append(u,b("span","",i.name)),l})}function Yc({values:r,weights:t},e){let n=t?1:nt(r),o=new Uint8ClampedArray(4*r.length);return r.forEach((s,i)=>{let a=Number.isFinite(s)&&n>0?s/n:0;o.set([...Rt(a,e),255],4*i)}),o}function xr(r,t,e){let n=b("td","",B(r));if(!Number.isFinite(r))return n.classList.add("steps-none"),n;let o=t>0?r/t:0,[s,i]=[J(o,e),pt(o,e)];return n.style.background=s,n.style.color=i,n}function at(r,t){let e=b("th","",r);return e.scope=t,e}function kr(r,t,e,n,o){let s=b("table","steps-table");s.createCaption().textContent=r;let i=s.createTHead().insertRow(),a=e[0]?.values.length??0;i.append(at(t,"col"));for(let c=0;c<a;c++)i.append(at(String(c),"col"));n!==null&&i.append(at(n,"col"));let l=s.createTBody();for(let{name:c,values:h,largest:p,sum:u}of e){let m=l.insertRow();m.append(at(c,"row"),...Array.from(h,d=>xr(d,p,o))),n!==null&&m.append(b("td","steps-sum",u??""))}return s}var Ar=16,on=class{constructor(t,e){this.app=e;this.reach=$t(this.queries,()=>[...this.queries.querySelectorAll("button")]),this.build(t),this.stop=e.store.subscribe((n,o)=>this.changed(o)),this.load()}app;element=b("div","steps-view");queries=b("div","steps-queries");sentence=b("p","steps-sentence");stageHolder=b("div","steps-scroll");product=b("details","steps-product");summary=b("summary");productBody=b("div","steps-scroll");output=b("div","steps-scroll");figures=b("div","steps-figures");back=T("Previous","the stage before (k)",()=>this.go(this.stage-1));next=T("Next","the next stage (j)",()=>this.go(this.stage+1));reach;stop;asking=new AbortController;steps=null;arriving=Promise.resolve();stages=[];stage=0;redraw(){this.show()}destroy(){this.asking.abort(),this.stop(),this.element.remove()}keydown(t){if(!this.steps||t.ctrlKey||t.altKey||t.metaKey)return!1;let{queries:e,keys:n}=this.steps,o=(s,i)=>Math.max(0,Math.min(i-1,s));if(t.key==="j")this.go(this.stage+1);else if(t.key==="k")this.go(this.stage-1);else if(t.key==="ArrowUp"||t.key==="ArrowDown")this.app.store.set({query:o(this.query+(t.key==="ArrowDown"?1:-1),e)}),this.app.say(this.strongestText());else if(t.key==="ArrowLeft"||t.key==="ArrowRight")this.app.store.set({key:o(this.key+(t.key==="ArrowRight"?1:-1),n)}),this.app.say(this.keyText());else if(t.key==="o")this.product.open=!this.product.open,this.app.say(this.product.open?this.keyText():"");else return!1;return!0}get info(){return this.app.manifest.maps[this.app.store.state.map]}get rowAxis(){let{axes:t}=this.app.manifest;return t[this.info.rowAxes[this.app.store.state.rowAxis]??this.info.rowAxes[0]]}get columnAxis(){return this.app.manifest.axes[this.info.columnAxis]}get head(){return this.app.store.state.heads[0]}get query(){return Math.min(this.app.store.state.query??0,this.info.queries-1)}get key(){let t=this.app.store.state.key;if(t!==null&&t<this.info.keys)return t;let e=this.rowOf(this.steps?.weights??new Float32Array(this.info.queries*this.info.keys));return e.indexOf(Math.max(...e))}rowOf(t){return t.subarray(this.query*this.info.keys,(this.query+1)*this.info.keys)}queryLabel(){return S(this.rowAxis.tokens[this.query],Ar)}keyLabel(t=this.key){return S(this.columnAxis.tokens[t],Ar)}get lastStage(){return this.stages.length-(this.steps?.output?0:1)}changed(t){t.has("map")||t.has("heads")?this.load():["query","key","rowAxis","special","unit"].some(e=>t.has(e))&&this.show()}load(){this.asking.abort(),this.asking=new AbortController;let{signal:t}=this.asking,{map:e}=this.app.store.state;this.steps=null,this.info.steps&&(this.arriving=this.app.source.steps(e,this.head,t).then(n=>{t.aborted||this.take(n)},n=>{t.aborted||this.app.fail(n)}))}async arrived(){if(await this.arriving,!this.steps)throw new Error("the numbers of this head are not here; choose it again")}take(t){let e=this.stages.map(({name:n})=>n).join();this.steps=t,this.stages=Ei(t),e!==this.stages.map(({name:n})=>n).join()&&(this.stage=this.lastStage),this.show()}go(t){this.stage=Math.max(0,Math.min(this.lastStage,t)),this.show(),this.app.say(this.sentence.textContent??"")}show(){let{steps:t,stages:e}=this;if(!t||e.length===0)return;let{palette:n}=this.app;this.showQueries(),this.sentence.textContent=this.stageSentence(),this.back.disabled=this.stage===0,this.next.disabled=this.stage===this.lastStage,this.stageHolder.replaceChildren(this.stageTable()),this.summary.textContent=`The dot product of the query \u201C${this.queryLabel()}\u201D and the key \u201C${this.keyLabel()}\u201D`,this.productBody.replaceChildren(this.productTable(t));let o=t.output!==null&&this.stage===this.lastStage;this.output.hidden=!o,this.output.replaceChildren(...o?[this.outputTable(t)]:[]);let s=Li(e,t,this.query,n,i=>this.go(i));s.forEach((i,a)=>{i.setAttribute("aria-pressed",String(a===this.stage))}),this.figures.replaceChildren(...s)}stageSentence(){let t=this.stages[this.stage],e=this.app.store.state.heads.length>1?`Head ${this.head} of those chosen. `:"";return t?`${e}${this.stage+1}. ${t.name}: ${t.sentence(this.query)}`:`${e}${this.stage+1}. times v: The values of the keys, each times its weight, are summed: what the head gives for ${this.queryLabel()}.`}strongestText(){let t=this.steps?this.rowOf(this.steps.weights):new Float32Array(1),e=t.indexOf(Math.max(...t));return`query ${this.queryLabel()}: most on ${this.keyLabel(e)}, ${L(t[e])}`}keyText(){let e=this.stages.slice(0,this.stage+1).map(({name:n,values:o})=>`${n} ${B(this.rowOf(o)[this.key])}`);return`key ${this.keyLabel()}: ${e.join(", ")}`}showQueries(){let{tokens:t,special:e}=this.rowAxis,n=new Set(this.app.store.state.special==="shown"?[]:e),o=this.queries.querySelectorAll("button"),s=t.slice(0,this.info.queries).map(a=>S(a,Ar));(o.length!==s.length||s.some((a,l)=>o[l].textContent!==a))&&this.queries.replaceChildren(b("span","steps-title",`query (${this.rowAxis.title})`),...s.map((a,l)=>T(a,"",()=>this.app.store.set({query:l}))));let i=[...this.queries.querySelectorAll("button")];i.forEach((a,l)=>{a.setAttribute("aria-pressed",String(l===this.query)),a.classList.toggle("dimmed",n.has(l))}),i.some(a=>a.matches(":focus"))||this.reach(i[this.query])}get extras(){let t={name:"sink",of:n=>n.sink?.(this.query)??null},e={name:"\u03A3",of:n=>n.sum?.(this.query)??null};return this.steps?.sink==null?[e]:[t,e]}stageTable(){let t=b("table","steps-table"),{special:e,unit:n}=this.app.store.state,o=e==="hidden"||n!=="tokens"?"; each token by itself, and none is hidden":"";t.createCaption().textContent=`${O(this.info,[this.head])}: query ${this.queryLabel()}${o}`;let s=new Set(e==="shown"?[]:this.columnAxis.special),i=t.createTHead().insertRow();i.append(at("stage","col"));for(let l=0;l<this.info.keys;l++){let c=at("","col"),h=T(this.keyLabel(l),"",()=>this.app.store.set({key:l}));h.setAttribute("aria-pressed",String(l===this.key)),h.classList.toggle("dimmed",s.has(l)),h.tabIndex=-1,c.append(h),i.append(c)}for(let{name:l}of this.extras)i.append(at(l,"col"));let a=t.createTBody();return this.stages.slice(0,this.stage+1).forEach((l,c)=>{let h=a.insertRow();c===this.stage&&(h.className="current");let p=at("","row");p.append(b("span","steps-name",l.name),yr(l.formula));let u=l.weights?1:nt(l.values);h.append(p,...Array.from(this.rowOf(l.values),m=>xr(m,u,this.app.palette)));for(let{of:m}of this.extras){let d=m(l);h.append(b("td","steps-sum",d===null?"":B(d)))}h.cells[this.key+1].classList.add("chosen")}),t}productTable({query:t,key:e,dim:n,scores:o}){let s=t.subarray(this.query*n,(this.query+1)*n),i=e.subarray(this.key*n,(this.key+1)*n),a=s.map((c,h)=>c*i[h]),l=this.rowOf(o)[this.key];return kr(`Components of the query ${this.queryLabel()}, of the key ${this.keyLabel()}, and their products, which sum to ${B(l)}`,"component",[{name:"q",values:s,largest:nt(t)},{name:"k",values:i,largest:nt(e)},{name:"q \xB7 k",values:a,largest:nt(a),sum:B(l)}],"\u03A3",this.app.palette)}outputTable({value:t,valueDim:e,output:n}){if(!t||!n)throw new Error("expected values with the output, got none");let o=this.rowOf(this.steps?.weights??new Float32Array),s=nt(t),i=Array.from(o,(c,h)=>({name:`${L(c)} \xB7 ${this.keyLabel(h)}`,values:t.subarray(h*e,(h+1)*e).map(p=>c*p),largest:s})),a=n.subarray(this.query*e,(this.query+1)*e),l=kr(`Each key's value times its weight; their sum is the output for ${this.queryLabel()}`,"weight \xB7 key",[...i,{name:"output",values:a,largest:s}],null,this.app.palette);return l.tBodies[0].rows[i.length].className="current",l.tBodies[0].rows[i.length].cells[0].append(" ",yr(["=",["munder","\u03A3","j"],Q("w","j"),Q("v","j")])),l}async table(t=!1){await this.arrived();let{extras:e}=this,n=t?In:B,o=s=>s===null?"":n(s);return{caption:`${O(this.info,[this.head])}: query ${this.queryLabel()}, stage by stage`,columns:["stage",...Array.from({length:this.info.keys},(s,i)=>this.keyLabel(i)),...e.map(s=>s.name)],rows:this.stages.slice(0,this.stage+1).map(s=>[`${s.name}: ${s.plain}`,...Array.from(this.rowOf(s.values),n),...e.map(({of:i})=>o(i(s)))])}}async svg(){return await this.arrived(),$i({title:`${S(this.app.manifest.title,120)} \u2013 ${O(this.info,[this.head])}: query ${this.queryLabel()}`,stages:this.stages.slice(0,this.stage+1),query:this.query,labels:Array.from({length:this.info.keys},(t,e)=>this.keyLabel(e)),extras:this.extras,palette:this.app.palette})}build(t){let e=b("div","steps-bar");e.append(T("First","only the first stage",()=>this.go(0)),this.back,this.next,T("All","all stages",()=>this.go(this.lastStage)),this.sentence),this.queries.setAttribute("role","toolbar"),this.queries.setAttribute("aria-label","query"),this.product.append(this.summary,this.productBody);for(let[n,o]of[["stages",this.stageHolder],["dot product",this.productBody],["output",this.output]])o.tabIndex=0,o.setAttribute("role","region"),o.setAttribute("aria-label",n);this.figures.setAttribute("role","group"),this.figures.setAttribute("aria-label","each stage for all queries"),this.element.append(this.queries,e,this.stageHolder,this.product,this.output,this.figures),t.append(this.element)}};var Sr=64,Oi={name:"steps",title:"Steps",styles:Si,keys:[["j, k","next or previous stage"],["\u2191 \u2193","previous or next query"],["\u2190 \u2192","previous or next key"],["o","open the dot product of the query and the key"]],settings:["special","rowAxis"],about:"Steps: how one row of the map is computed, number by number, from the product of queries and keys to the weights.",meaning:({row:r})=>`How one row, ${r}, is computed: stage by stage, a number for each key.`,unavailable:(r,t)=>{let e=r.maps[t.map];return e?Math.max(e.queries,e.keys)>Sr?`${e.queries} \xD7 ${e.keys} numbers are too many to read; it is there up to ${Sr} \xD7 ${Sr}`:e.steps?null:"this map is kept as weights: the queries and keys that made them are not there":"there is no map"},mount:(r,t)=>new on(r,t)};var Ci=`.text {
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
`;var Xc=3e3;function Pi(r,t,e){let n=r.getBoundingClientRect(),o=Math.max(320,n.width),s=[...r.querySelectorAll("h2, .text-token")].slice(0,Xc),a=(s[s.length-1]?.getBoundingClientRect().bottom??n.top)-n.top+r.scrollTop+44,l=P("svg",{width:o,height:a,viewBox:`0 0 ${o} ${a}`});l.append(P("rect",{width:o,height:a,fill:e.background}));for(let h of s){let p=h.tagName==="H2",u=p||h.classList.contains("special"),m=d=>({x:d.left-n.left+r.scrollLeft,y:d.top-n.top+r.scrollTop});for(let d of h.getClientRects()){let f={...m(d),width:d.width,height:d.height,rx:4};h.style.background&&l.append(P("rect",{...f,fill:h.style.background})),h.classList.contains("chosen")&&l.append(P("rect",{...f,fill:"none",stroke:e.accent}))}for(let{text:d,box:f,quiet:g}of Qc(h)){let{x:w,y}=m(f),v=P("text",{x:p?w:w+f.width/2,y:y+f.height/2,"dominant-baseline":"central","text-anchor":p?"start":"middle","font-family":"system-ui, sans-serif","font-size":p?12:16,fill:h.style.color||(u?e.dimmed:e.text),...g?{"fill-opacity":.45}:{}});v.textContent=d,l.append(v)}}let c=P("text",{x:12,y:a-12,"font-family":"system-ui, sans-serif","font-size":12,fill:e.dimmed});return c.textContent=t,l.append(c),new XMLSerializer().serializeToString(l)}function*Qc(r){let t=document.createTreeWalker(r,NodeFilter.SHOW_TEXT),e=document.createRange();for(let n=t.nextNode();n;n=t.nextNode()){e.selectNodeContents(n);let o=n.parentElement?.classList.contains("mark")??!1;yield{text:n.textContent??"",box:e.getBoundingClientRect(),quiet:o}}}var Zc=new RegExp(`(${["[\u2581\u2192\u240D\u237D\u2423]+","\u21B5","\u27E8[0-9A-F]{2,5}\u27E9","^##"].join("|")})`);function qi(r,t,e){if(e){r.dir="ltr",r.textContent=t;return}for(let[n,o]of t.split(Zc).entries())if(o!=="")if(n%2===0)r.append(o);else{let s=b("span",o.startsWith("\u27E8")?"code":"mark",o);o.startsWith("\u27E8")&&(s.dir="ltr"),r.append(s),o==="\u21B5"&&r.append(document.createElement("br"))}}var ut=1500,Ri={name:"text",title:"Text",styles:Ci,keys:[["\u2190 \u2192","previous or next token"],["\u2191 \u2193","the other text, where there are two"],["Enter","hold the token, let it go"],["d","what it attends to, or what attends to it"],["PageUp PageDown","another part of a long text"]],settings:["unit","pair","special","renormalise","rowAxis","scale"],about:"Text: the running text. Choose a word, and the others are coloured by how much it looks at them, or they at it.",meaning:({unit:r,stronger:t})=>`Choose a ${r}: the ${t} another is coloured, the more of its attention goes there, or comes from there.`,unavailable:()=>null,mount:(r,t)=>new Mr(r,t)};function th(r,t){return r.startsWith("\u21B5")?[]:[t&&!r.startsWith("\u2581")?" ":document.createElement("wbr")]}var Mr=class{constructor(t,e){this.app=e;this.frame.className="text",this.stage.className="text-stage",this.stage.tabIndex=0;let n=document.createElement("div");n.className="text-controls";let o=document.createElement("span");o.setAttribute("role","radiogroup"),o.setAttribute("aria-label","direction");let s=`direction-${Math.random().toString(36).slice(2)}`,i=(a,l)=>{let c=document.createElement("label"),h=document.createElement("input");return Object.assign(h,{type:"radio",name:s,value:a}),h.addEventListener("change",()=>this.app.store.set({direction:a})),c.append(h,` ${l} `),o.append(c),h};this.directions={from:i("from","what it attends to"),to:i("to","what attends to it")},n.append(o,this.pages),this.frame.append(n,this.stage),t.append(this.frame),this.stage.addEventListener("pointerover",a=>this.point(a,!1)),this.stage.addEventListener("pointerleave",()=>{this.app.store.state.pinned||this.app.store.set({query:null,key:null})}),this.stage.addEventListener("click",a=>this.point(a,!0)),this.shown=F(e.manifest,e.store.state),this.stop=e.store.subscribe((a,l)=>{["map","unit","special","rowAxis","pair","viewport"].some(h=>l.has(h))?this.write():this.read()}),this.write()}app;frame=document.createElement("div");stage=document.createElement("div");said="";pages=document.createElement("span");directions;stop;asking=new AbortController;shown;reading=null;tokens={query:new Map,key:new Map};destroy(){this.asking.abort(),this.stop(),this.frame.remove()}redraw(){this.colour()}contentHeight(){let{firstElementChild:t,lastElementChild:e}=this.stage,n=t&&e?e.getBoundingClientRect().bottom-t.getBoundingClientRect().top:0;return this.frame.clientHeight-this.stage.clientHeight+Math.ceil(n)+24}get one(){return this.shown.info.rowAxes.includes(this.shown.info.columnAxis)}unitsOf(t){return t==="key"||this.one?this.shown.columns:this.shown.rows}page(t){let e=this.unitsOf(t),n=this.app.store.state.viewport,o=n?t==="query"&&!this.one?n.top:n.left:0,s=Math.floor(Math.max(0,Math.min(o,e.count-1))/ut)*ut;return[s,Math.min(s+ut,e.count)]}write(){let{state:t}=this.app.store;this.shown=F(this.app.manifest,t),this.tokens={query:new Map,key:new Map};let e=this.one?["key"]:["key","query"];this.stage.replaceChildren(...e.flatMap(n=>{let o=this.unitsOf(n),[s,i]=this.page(n),a=document.createElement("h2");a.textContent=o.axis.title+(i-s<o.count?` ${$(s)} to ${$(i-1)} of ${$(o.count)}`:"");let l=document.createElement("p");l.dir="auto";let c=new Set(o.axis.words);for(let h=s;h<i;h++){let p=document.createElement("span"),u=o.special(h);p.className=`text-token${t.special==="dimmed"&&u?" special":""}`;let m=S(o.label(h),200);qi(p,m,u),p.dataset.side=n,p.dataset.unit=String(h),this.tokens[n].set(h,p),h>s&&l.append(...th(m,c.has(o.start(h)))),l.append(p)}return[a,l]})),this.writePages(),this.read()}writePages(){let t=Math.max(this.shown.rows.count,this.shown.columns.count);if(this.pages.replaceChildren(),!(t<=ut))for(let[e,n]of[["\u25C0 earlier",-1],["later \u25B6",1]]){let o=document.createElement("button");o.type="button",o.textContent=e,o.addEventListener("click",()=>this.turn(n)),this.pages.append(o," ")}}turn(t){let e=a=>{let l=this.unitsOf(a),[c]=this.page(a),h=Math.max(0,Math.min(c+t*ut,Math.floor((l.count-1)/ut)*ut));return[h,Math.min(h+ut,l.count)]},[n,o]=e("key"),[s,i]=this.one?[n,o]:e("query");this.app.store.set({viewport:{top:s,bottom:i,left:n,right:o}})}chosen(){let{state:t}=this.app.store,e=t.direction==="from"?"query":"key",n=t[e];if(n===null)return null;let o=this.unitsOf(e).unitOf(n);return o<0?null:{side:e,unit:o,place:this.one?"key":e}}async read(){let{state:t}=this.app.store;this.directions[t.direction].checked=!0,this.asking.abort();let e=this.chosen();if(!e){this.reading=null,this.colour();return}this.asking=new AbortController;let{signal:n}=this.asking,o=e.side==="query"?"key":"query",[s,i]=this.page(o),a=(h,p,u)=>this.unitsOf(h).cells(p,u,u-p),l=a(e.side,e.unit,e.unit+1),c=a(o,s,i);try{let h=await this.app.source.region({map:t.map,heads:t.heads,rows:e.side==="query"?l:c,columns:e.side==="query"?c:l,how:Lt(t),hideSpecial:t.special==="hidden",rowAxis:N(this.shown.info,t),renormalise:t.special==="hidden"&&t.renormalise,sample:0},n);if(n.aborted)return;this.reading={side:o,first:s,weights:h.values},this.colour()}catch(h){n.aborted||this.app.fail(h)}}colour(){let t=this.chosen(),e=this.reading&&(this.one?"key":this.reading.side),n=this.reading?.weights??new Float32Array,o={name:this.app.store.state.scale,top:1,signed:!this.shown.info.probabilities},s=qt(n,0,n.length);for(let i of["key","query"])for(let[a,l]of this.tokens[i]){l.classList.toggle("chosen",t!==null&&t.place===i&&t.unit===a);let c=e===i&&this.reading?this.reading.weights[a-this.reading.first]??0:0,h=tt(c,o.signed?{...o,top:s}:o,s);l.style.background=h===0?"":J(h,this.app.palette),l.style.color=h===0?"":pt(h,this.app.palette);let p=this.unitsOf(i).spelling(a);l.title=e===i&&this.reading?`${L(c)} \xB7 ${p}`:p}this.said=this.sentence(),this.app.describe(this.said)}strongest(){if(!this.reading)return[];let{side:t,first:e,weights:n}=this.reading,o=this.unitsOf(t);return[...n].map((s,i)=>({label:S(o.label(e+i)),weight:s,unit:e+i})).filter(({weight:s})=>s!==0).sort((s,i)=>Math.abs(i.weight)-Math.abs(s.weight))}sentence(){let{state:t}=this.app.store,e=O(this.shown.info,t.heads),n=this.chosen();if(!n||!this.reading)return`${e}: point at a token, or go to one with the arrow keys`;let o=z(S(this.unitsOf(n.side).label(n.unit))),s=this.strongest().slice(0,6),i=n.side==="query"?"attends to":"is attended by";return`${e}: ${o} ${i} ${s.map(a=>`${z(a.label)} ${L(a.weight)}`).join(", ")||"nothing here"}`}choose(t,e,n){let{state:o}=this.app.store,s=this.one?o.direction==="from"?"query":"key":e,i=this.unitsOf(s).start(t);this.app.store.set({query:s==="query"?i:null,key:s==="key"?i:null,direction:s==="query"?"from":"to",pinned:n})}point(t,e){let n=t.target instanceof Element?t.target.closest("[data-unit]"):null;n&&(e||!this.app.store.state.pinned)?this.choose(Number(n.dataset.unit),n.dataset.side,e):e&&!n&&this.app.store.set({pinned:!1,query:null,key:null})}keydown(t){let{state:e}=this.app.store,n=this.chosen(),o=n?.place??"key",s=this.tokens[o].values().next().value?.closest("p")?.matches(":dir(rtl)")?-1:1,i={ArrowLeft:-s,ArrowRight:s}[t.key];if(i!==void 0||(t.key==="ArrowUp"||t.key==="ArrowDown")&&!this.one){let a=i!==void 0?o:o==="key"?"query":"key",[l,c]=this.page(a),h=n?n.unit+(i??0):l,p=Math.max(l,Math.min(c-1,h));c>l&&this.choose(p,a,e.pinned),this.tokens[a].get(p)?.scrollIntoView({block:"nearest"}),this.read().then(()=>this.app.say(this.said))}else if(t.key==="d"&&this.one){let a=e.query??e.key,l=e.direction==="from"?"to":"from";this.app.store.set({direction:l,query:l==="from"?a:null,key:l==="to"?a:null})}else if(t.key==="Enter")this.app.store.set({pinned:!e.pinned});else if(t.key==="Escape")this.app.store.set({pinned:!1,query:null,key:null});else if(t.key==="PageUp"||t.key==="PageDown")this.turn(t.key==="PageUp"?-1:1);else return!1;return!0}async table(t=!1){let e=Z(t),n=this.reading?.side==="query"?this.shown.rows:this.shown.columns;return{caption:this.sentence(),columns:["position",n.axis.title,Lt(this.app.store.state)==="mass"?"mass":"weight"],rows:this.strongest().slice(0,300).map(({label:o,weight:s,unit:i})=>[String(i),o,e(s)])}}async svg(){return Pi(this.stage,this.said,this.app.palette)}};var R=[hi,Yo,Ai,Ri,Oi,as];var eh={"source tokens":r=>`a ${r} of the source`,"tokens consumed":r=>`a ${r} that the model had read`,"tokens produced":r=>`a ${r} that the model wrote`,tokens:r=>`a ${r} of the text`,queries:()=>"a query",keys:()=>"a key"};function Ii({manifest:r,store:t,palette:e}){let{state:n}=t,{info:o,rows:s,columns:i}=F(r,n),a=[s,i].some(({axis:h})=>ot(h,n.unit))?n.unit.slice(0,-1):"token",l=h=>eh[h]?.(a)??`one of the ${h}`,c=r.axes[o.rowAxes[N(o,n)]].title==="tokens produced";return{row:l(s.axis.title),column:o.kind==="decoder"?`a ${a} before it`:l(i.axis.title),purpose:c?" to write it":"",stronger:e.name==="dark"?"brighter":"darker",unit:a,signed:!o.probabilities}}var Ni={name:"meaning",styles:"",mount(r,t){let e=b("p","meaning-where"),n=b("p","meaning-said");r.append(e,n);let o=()=>{let{state:s}=t.store,i=R.find(({name:a})=>a===s.view)??R[0];e.textContent=O(t.manifest.maps[s.map],s.heads),n.textContent=i.meaning(Ii(t))};return o(),{update(s){let i=["view","map","heads","unit","rowAxis"];(s.size===0||i.some(a=>s.has(a)))&&o()},destroy:()=>{}}}};var Hi=`.reader-partners ol {
  margin: 0 0 6px;
  padding: 0;
  list-style: none;
}
.viewer .reader-partners li button {
  display: grid;
  grid-template-columns: minmax(0, 1fr) 64px 44px;
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
`;var rh=65536,[oh,sh]=[4096,1<<19];function Er(r,t){let e=r.maps[t.map];return e.rowAxes[N(e,t)]===e.columnAxis?0:e.rowAxes.includes(e.columnAxis)?1:null}var sn=class{constructor(t){this.app=t}app;subject="";whole=null;known(){return this.whole!==null&&this.subject===this.subjectOf()}async read(t){let{manifest:e,store:n,source:o}=this.app,{state:s}=n,i=F(e,s),[a,l]=[i.rows.count,i.columns.count],{query:c,key:h}=s,p=Er(e,s);p!==null&&h===null&&c!==null&&c+p<i.info.keys?h=c+p:p!==null&&c===null&&h!==null&&h>=p&&(c=h-p);let u=c===null?-1:i.rows.unitOf(c),m=h===null?-1:i.columns.unitOf(h),d={shown:i,query:u<0?null:c,key:m<0?null:h,ofQuery:null,ofKey:null,left:""};if(u<0&&m<0)return d;if(a*l<=rh){if(!this.known()){let w=this.subjectOf(),y=await o.region(bt(s,i,[0,a],[0,l]),t);if(t.aborted)return d;this.whole=y.values,this.subject=w}let g=this.whole;return u>=0&&(d.ofQuery=g.subarray(u*l,(u+1)*l)),m>=0&&(d.ofKey=Float32Array.from({length:a},(w,y)=>g[y*l+m])),d}let f=async(g,w)=>(await o.region(bt(s,i,g,w),t)).values;return u>=0&&l<=sh&&(d.ofQuery=await f([u,u+1],[0,l])),m>=0&&!t.aborted&&(a<=oh?d.ofKey=await f([0,a],[m,m+1]):s.query===null&&(d.left=`Who looks at it is not looked for among ${$(a)} rows; zoom into the map to see them.`)),d}subjectOf(){let{map:t,heads:e,unit:n,special:o,renormalise:s,rowAxis:i}=this.app.store.state;return JSON.stringify([t,e,n,o==="hidden"&&[s],i])}};var Fi=6,ih=80,zi={name:"partners",styles:Hi,mount(r,t){let e=new sn(t),n,o=new AbortController,s=async()=>{o.abort(),o=new AbortController;let{signal:i}=o;try{let a=await e.read(i);i.aborted||ah(r,t,a)}catch(a){i.aborted||t.fail(a)}};return s(),{update(i){i.size>0&&[...i].every(a=>a==="view"||a==="viewport")||(clearTimeout(n),n=setTimeout(s,e.known()?0:ih))},destroy(){clearTimeout(n),o.abort()}}}};function ah(r,t,{shown:e,query:n,key:o,ofQuery:s,ofKey:i,left:a}){let l=Er(t.manifest,t.store.state),c=[];(n!==null?e.rows.unitOf(n):o!==null?e.columns.unitOf(o):-1)<0&&c.push(b("p","partners-none","Point at a word, or choose one, to read whom it looks at."));let p=(u,m)=>{let d=b("h3","partners-title",z(S(u.label(m))));d.append(" ",b("small","",`(${$(u.start(m))})`)),d.title=u.spelling(m),c.push(d)};if(n!==null&&s){p(e.rows,e.rows.unitOf(n));let u=m=>l===null?{query:null,key:m}:{query:Math.max(0,m-l),key:null};c.push(b("p","partners-verb","looks at"),Bi(t,e.columns,s,u,!0))}o!==null&&i&&((n===null||!s||l===null||n+l!==o)&&p(e.columns,e.columns.unitOf(o)),c.push(b("p","partners-verb","is looked at by"),Bi(t,e.rows,i,u=>({query:u,key:null}),!1))),a&&c.push(b("p","partners-left",a)),r.replaceChildren(...c)}function Bi(r,t,e,n,o){let s=b("ol"),i=Array.from(e.keys()).filter(h=>e[h]!==0);i.sort((h,p)=>Math.abs(e[p])-Math.abs(e[h])||h-p);let a=i.slice(0,Fi),l=Math.max(...a.map(h=>Math.abs(e[h])),Number.MIN_VALUE);for(let h of a){let p=z(S(t.label(h))),u=T("",`${p}, position ${$(t.start(h))}`,()=>r.store.set({...n(t.start(h)),pinned:!1})),m=b("span","partner-bar"),d=b("i");d.style.width=`${(100*Math.abs(e[h])/l).toFixed(1)}%`,m.setAttribute("aria-hidden","true"),m.append(d),u.append(b("span","partner-name",p),m,b("span","partner-weight",L(e[h])));let f=b("li");f.append(u),s.append(f)}let c=i.slice(Fi);if(i.length===0)s.append(b("li","partners-left","nothing"));else if(o&&c.length>0){let h=c.reduce((p,u)=>p+e[u],0);s.append(b("li","partners-left",`and ${$(c.length)} others, ${h<5e-4?"next to nothing":L(h)} together`))}return s}var Gi=`.reader-pins ul {
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
`;var ch=80,Ui={name:"pins",styles:Gi,mount(r,t){let e=new AbortController,n,o=()=>{e.abort(),e=new AbortController,hh(r,t,e.signal)};return o(),{update(s){s.size>0&&[...s].every(i=>i==="viewport"||i==="view")||(clearTimeout(n),n=setTimeout(o,s.has("pins")?0:ch))},destroy(){clearTimeout(n),e.abort()}}}};function hh(r,t,e){let{store:n}=t,{state:o}=n,s=r.contains(r.getRootNode().activeElement),i=[];if(o.pins.length>0){let l=b("ul");for(let c of o.pins)l.append(ph(t,c,e));i.push(b("h3","","pinned"),l)}let a=We(o);if(a&&!o.pins.some(l=>Ke(l,a))){let{text:l}=Vi(t,a),c=T(`Pin ${l}`,"keep it in this list and marked in the picture (p)",()=>n.set({pins:le(n.state.pins,a)}));c.className="pin-add",i.push(c)}r.hidden=i.length===0,r.replaceChildren(...i),s&&r.querySelector("button")?.focus()}function ph(r,t,e){let{manifest:n,store:o}=r,{text:s,shown:i}=Vi(r,t),a=Gt(n,t,o.state.map),l=T(s,a?"look at it":`look at it, in ${O(n.maps[t.map],o.state.heads)}`,()=>o.set(Ns(t,o.state,n)));l.className="pin-go";let c=b("span","pin-weight",a?"":"another map"),h=T("\xD7","let it go",()=>o.set({pins:le(o.state.pins,t)}));h.setAttribute("aria-label",`unpin ${s}`);let p=b("li");return p.append(l,c,h),a&&t.query!==null&&t.key!==null&&uh(r,t,i,e).then(u=>{e.aborted||(c.textContent=u===null?"hidden":L(u))},u=>e.aborted||r.fail(u)),p}function Vi({manifest:r,store:t},e){let{state:n}=t,o=Gt(r,e,n.map)?n.map:e.map,s=F(r,{...n,map:o}),i=(c,h)=>{let p=c.unitOf(h);return z(S(p<0?c.axis.tokens[h]:c.label(p),24))},a=e.query===null?"":i(s.rows,e.query),l=e.key===null?"":`\u2192 ${i(s.columns,e.key)}`;return{text:[a,l].filter(Boolean).join(" "),shown:s}}async function uh(r,t,e,n){let[o,s]=[e.rows.unitOf(t.query??-1),e.columns.unitOf(t.key??-1)];if(o<0||s<0)return null;let i=bt(r.store.state,e,[o,o+1],[s,s+1]);return(await r.source.region(i,n)).values[0]}var _i=`.reader-statistics dl {
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
`;var ji=["entropy","distance","own","previous","first"],Di={name:"statistics",styles:_i,mount(r,t){let e=()=>{let{map:o,heads:s}=t.store.state,{statistics:i}=t.manifest.maps[o],a=Object.keys(i);r.hidden=a.length===0;let l=b("h3","",s.length===1?`head ${s[0]} in numbers`:"the chosen heads, on average"),c=a.filter(u=>ji.includes(u)),h=a.filter(u=>!ji.includes(u)),p=b("details","statistics-more");p.append(b("summary","",`${h.length} more`),n(h)),r.replaceChildren(l,n(c),...h.length>0?[p]:[])},n=o=>{let{map:s,heads:i}=t.store.state,{statistics:a,keys:l}=t.manifest.maps[s],c=b("dl");for(let h of o){let p=i.map(w=>a[h][w]),u=p.reduce((w,y)=>w+y,0)/p.length,{quantity:m,meaning:d}=t.manifest.definitions[h]??{quantity:"",meaning:""},f=b("dt","",h.replaceAll("_"," ")),g=b("dd");g.append(`${L(u)}${dh[m]??""}${h==="entropy"?` ${fh(u,l)}`:""} `),d&&g.append(gh(h,d)),c.append(f,g)}return c};return e(),{update(o){(o.size===0||o.has("map")||o.has("heads"))&&e()},destroy:()=>{}}}},dh={nats:" nats",keys:" keys"};function fh(r,t){let e=t>1?r/Math.log(t):0;return e<.25?"(sharp)":e<.7?"(in between)":"(spread out)"}function gh(r,t){let e=b("details","info"),n=b("summary","","i");return n.setAttribute("aria-label",`what ${r} is`),e.append(n,b("span","",t)),e}var ue=[Ni,zi,Ui,Di];var Wi=`.sheet {
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
`;var Ki=`:host {
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
    max-height: 88px;
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
/* Last, and strong enough to hide what is laid out by the rules above. */
.viewer.viewer.viewer.viewer [hidden] {
  display: none;
}
`;function Yi(r,t,e){let[n,o]=[r.maps[t],r.maps[e]];return n.queries===o.queries&&n.keys===o.keys?null:`a difference needs as many rows and columns on both sides, and these are ${n.queries} \xD7 ${n.keys} and ${o.queries} \xD7 ${o.keys}; look at them beside each other`}function Ji(r,t,e){let{manifest:n}=r,o=n.maps.length,[s,i]=[n.maps[t.map],n.maps[e.map]],a={...s,name:`${O(s,t.heads)}, less ${O(i,e.heads)}`,of:null,layer:null,kind:"map",heads:1,probabilities:!1,steps:!1,error:s.error+i.error,statistics:{}},l={...n,maps:[...n.maps,a]},c=wh(r.store,l,o),{source:h}=r,p=async m=>Promise.all([m(t),m(e)]),u={...h,async region(m,d){if(m.map!==o)return h.region(m,d);let f=({map:y,heads:v})=>h.region({...m,map:y,heads:v,rowAxis:0},d),[g,w]=await p(f);return vh(g,w)},async margins(m,d){if(m.map!==o)return h.margins(m,d);let[f,g]=await p(({map:y,heads:v})=>h.margins({...m,map:y,heads:v,rowAxis:0},d));return{received:an(f.received,g.received),entropy:an(f.entropy,g.entropy),sampled:Math.max(f.sampled,g.sampled)}},async overview(m,d){if(m!==o)return h.overview(m,d);let[f,g]=await p(w=>h.overview(w.map,d));return xh(f,g,t.heads,e.heads)},steps:(m,d,f)=>h.steps(m,d,f)};return{manifest:l,source:u,store:c,get palette(){return r.palette},say:m=>r.say(m),describe:m=>r.describe(m),fail:m=>r.fail(m),stop:()=>c.stop()}}function wh(r,t,e){let n=new Set,o=()=>({...r.state,map:e,heads:[0],rowAxis:N(t.maps[e],r.state),with:null,several:"mean"}),s=o(),i=r.subscribe((a,l)=>{s=o();for(let c of[...n])c(s,l)});return{get state(){return s},set:({map:a,heads:l,...c})=>r.set(c),subscribe(a){return n.add(a),()=>n.delete(a)},stop:i}}function an(r,t){return r.map((e,n)=>e-t[n])}function vh(r,t){let[e,n]=[Math.max(r.sampled,t.sampled),Math.max(r.every,t.every)];return{rows:r.rows,columns:r.columns,values:an(r.values,t.values),sampled:e,every:n}}function xh(r,t,e,n){let{rows:o,columns:s}=r,i=(l,c,h)=>{let p=new Float32Array(o*s);if(l.rows!==o||l.columns!==s)return p;for(let u of h)for(let m=0;m<p.length;m++)p[m]+=c[u*p.length+m]/h.length;return p},a=l=>an(i(r,r[l],e),i(t,t[l],n));return{heads:1,rows:o,columns:s,mean:a("mean"),max:a("max")}}function me(r){return r.normalize("NFKD").replace(/[\p{M}\u2581\u0120\u00b7\u2423\u2068\u2069]/gu,"").toLowerCase().replaceAll("\xDF","ss").trim()}function Tr(r){let t=r.trim().replace(/[\s,_'\u2019]/g,"");return/^\d{1,9}$/.test(t)?Number(t):null}function kh(r){let t=r.trim();return(/^["\u201c].*["\u201d]$/.test(t)&&t.length>2?t.slice(1,-1):t).split(/\s+/).map(me).filter(Boolean)}var Xi=new WeakMap;function*Qi(r,t){let e=r.tokens.length,n=Tr(t);if(n!==null){let c=n<e?[Sh(r,n)]:[];return{hits:c,count:c.length}}let o=kh(t),s=[],i=0;if(o.length===0)return{hits:s,count:i};let a=r.wordTexts??r.tokens,l=Xi.get(r)??[];Xi.set(r,l);for(let c=l.length;c<a.length;c++)l.push(me(a[c])),c%2e3===0&&(yield);for(let c=0;c+o.length<=l.length;c++)if(c%2e3===0&&(yield),!!Ah(l,c,o)&&(i++,s.length<5e3)){let h=c+o.length;s.push({start:r.words?.[c]??c,stop:r.words?r.words[h]??e:h})}return{hits:s,count:i}}function Ah(r,t,e){return e.length===1?r[t].includes(e[0]):e.every((n,o)=>{let s=r[t+o];return o===0?s.endsWith(n):o===e.length-1?s.startsWith(n):s===n})}function Sh(r,t){let{words:e}=r;if(!e)return{start:t,stop:t+1};let n=0,o=e.length;for(;o-n>1;){let s=n+o>>1;e[s]<=t?n=s:o=s}return{start:e[n],stop:e[n+1]??r.tokens.length}}async function Zi(r,t,e=6){for(;;){if(t.aborted)return null;let n=performance.now()+e;do{let{done:o,value:s}=r.next();if(o)return s}while(performance.now()<n);await new Promise(o=>setTimeout(o,0))}}function oa(r,t){let e=new Set,n=null,o=a();function s(h){let p=ta(t,r.state.map,r.state),u=ta(t,r.state.with?.map??r.state.map,r.state);return h==="first"?{from:p,to:u}:{from:u,to:p}}function i(){let{from:h,to:p}=s("first");return h.rows.tokens.length===p.rows.tokens.length&&h.columns.tokens.length===p.columns.tokens.length}function a(){let h=r.state,p=h.with??{map:h.map,heads:h.heads},{from:u,to:m}=s("first"),d=t.maps[p.map];return{...h,map:p.map,heads:p.heads,rowAxis:N(d,h),query:h.query===null?null:ln(u.rows,m.rows,h.query),key:h.key===null?null:ln(u.columns,m.columns,h.key),viewport:i()?h.viewport:n,pair:i()?h.pair:"all",with:null}}function l(){let h=o;o=a();let p=Object.keys(o),u=new Set(p.filter(m=>JSON.stringify(h[m])!==JSON.stringify(o[m])));if(u.size!==0)for(let m of[...e])m(o,u)}let c=r.subscribe((h,p)=>{((h.with?.map??h.map)!==o.map||p.has("unit")||p.has("special"))&&(n=null),l()});return{get state(){return o},set(h){let{from:p,to:u}=s("second"),m={...h};(h.map!==void 0||h.heads!==void 0)&&(m.with={map:h.map??o.map,heads:h.heads??o.heads},delete m.map,delete m.heads),typeof h.query=="number"&&(m.query=ln(p.rows,u.rows,h.query)),typeof h.key=="number"&&(m.key=ln(p.columns,u.columns,h.key)),h.viewport!==void 0&&!i()&&(n=h.viewport,delete m.viewport),r.set(m),l()},subscribe(h){return e.add(h),()=>e.delete(h)},stop:c}}function ta(r,t,e){let n=r.maps[t],{axes:o}=r;return{rows:o[n.rowAxes[N(n,e)]],columns:o[n.columnAxis]}}function ln(r,t,e){if(Mh(r,t))return e;let n=me(r.tokens[e]??""),o=ra(r).get(n)?.indexOf(e)??-1,s=ra(t).get(n);return o<0||!s?null:s[Math.min(o,s.length-1)]}var ea=new WeakMap;function Mh(r,t){if(r===t)return!0;let e=ea.get(r)??new WeakMap;ea.set(r,e);let n=e.get(t);return n===void 0&&(n=r.tokens.length===t.tokens.length&&r.tokens.every((o,s)=>o===t.tokens[s]),e.set(t,n)),n}var na=new WeakMap;function ra(r){let t=na.get(r);if(t)return t;t=new Map;for(let[e,n]of r.tokens.entries()){let o=me(n),s=t.get(o);s?s.push(e):t.set(o,[e])}return na.set(r,t),t}var sa={rows:[],columns:[]},cn=class{constructor(t,e){this.app=t;this.views=e;let{store:n,manifest:o}=t,s=o.maps.map((i,a)=>{let l=o.items.length>1&&i.of===null?`${o.items[i.item]}: `:"";return[String(a),`${l}${O(i,[0]).replace(/, head 0$/,"")}`]});this.map=D("",s,i=>{let a=Number(i),l=(n.state.with?.heads??n.state.heads).filter(c=>c<o.maps[a].heads);n.set({with:{map:a,heads:l.length>0?l:[0]}})}),this.head=D("",[],i=>{let a=n.state.with?.map??n.state.map,l=Array.from({length:o.maps[a].heads},(c,h)=>h);n.set({with:{map:a,heads:i==="all"?l:[Number(i)]}})}),this.way=D("",[["beside","beside"],["difference","A \u2212 B"]],i=>n.set({compare:i}));for(let[{control:i},a]of[[this.map,"the second picture's map"],[this.head,"its head"],[this.way,"beside the first, or taken from it"]])i.setAttribute("aria-label",a);this.bar.append(this.map.label,this.head.label,this.way.label),this.said.setAttribute("role","status"),this.element.append(this.bar,this.panel,this.said),this.element.setAttribute("role","group"),this.element.setAttribute("aria-label","the second picture"),this.update()}app;views;element=b("div","compare-pane");bar=b("div","compare-bar");panel=b("div","compare-panel");said=b("p","compare-said");map;head;way;mounted=null;get view(){return this.mounted?.view??null}update(){let{store:t,manifest:e}=this.app,{state:n}=t;if(this.element.hidden=n.with===null,n.with===null){this.unmount();return}let o=e.maps[n.with.map],s=Array.from({length:o.heads},(i,a)=>[String(a),`head ${a}`]);gt(this.head.control,o.heads>1?[...s,["all",`mean of ${o.heads} heads`]]:s),this.map.control.value=String(n.with.map),this.head.control.value=n.with.heads.length===1?String(n.with.heads[0]):"all",this.way.control.value=n.compare,this.mount(n)}redraw(){this.mounted?.view.redraw()}unmount(){this.mounted?.view.destroy(),this.mounted?.stop(),this.mounted=null,this.panel.replaceChildren(),this.said.textContent=""}mount(t){let{app:e}=this,n=t.compare==="difference",{map:o,heads:s}=t,i=this.views.find(({name:p})=>p===(n?"map":t.view))??this.views[0],a=n?JSON.stringify([o,s,t.with]):`${i.name} ${t.with.map}`;if(this.mounted?.key===a)return;this.unmount();let l=n?Yi(e.manifest,o,t.with.map):this.refusal(i,t.with);if(l!==null){this.said.textContent=l;return}let c={describe:p=>{this.said.textContent!==p&&(this.said.textContent=p)}},h=Object.assign(Object.create(e),c);if(n){let p=Ji(h,{map:o,heads:[...s]},t.with);this.mounted={key:a,view:i.mount(this.panel,p),stop:()=>p.stop()}}else{let p=oa(e.store,e.manifest),[u,m]=[e.manifest.maps[o],e.manifest.maps[t.with.map]],d=u.columnAxis===m.columnAxis&&u.rowAxes.join()===m.rowAxes.join(),g=Object.assign(h,{store:p,marked:()=>d?e.marked?.()??sa:sa});this.mounted={key:a,view:i.mount(this.panel,g),stop:()=>p.stop()}}}refusal(t,{map:e,heads:n}){let o=t.unavailable(this.app.manifest,{...this.app.store.state,map:e,heads:n});return o===null?null:`${t.title}: ${o}`}};function ia({manifest:r,store:t}){let{map:e,heads:n}=t.state,o=r.maps[e];return o.heads>1?{map:e,heads:[(n[0]+1)%o.heads]}:{map:(e+1)%r.maps.length,heads:[0]}}var hn=class{constructor(t){this.changed=t}changed;tops=new Map;meet(t,e){let n=this.most();this.tops.set(t,e);let o=this.most();return o!==n&&this.tops.size>1&&this.changed(t),o}leave(t){this.tops.delete(t)}most(){return Math.max(0,...this.tops.values())}};var aa={question:"",rows:[],columns:[],count:0},la=64,Eh=400,pn=class{constructor(t,e){this.app=t;this.changed=e}app;changed;found=aa;at=-1;looking=!1;settled=Promise.resolve();asked="";once=!1;abort=new AbortController;look(t){let e=this.settled,n=this.ask(t);return this.settled=n||e,this.settled}ask(t){let{manifest:e,store:n}=this.app,o=e.maps[n.state.map],s=[o.rowAxes[N(o,n.state)],o.columnAxis],i=JSON.stringify([t.trim(),s]);if(i===this.asked)return null;this.asked=i,this.abort.abort(),this.abort=new AbortController;let{signal:a}=this.abort;return this.at=-1,t.trim()===""?(this.looking=!1,this.found=aa,this.changed(),Promise.resolve()):(this.looking=!0,this.search(t,s,a))}async search(t,e,n){let{manifest:o}=this.app,s=[];for(let l of e){let c=await Zi(Qi(o.axes[l],t),n);if(!c)return;s.push(c)}let[i,a]=s;this.once=Th(o.axes[e[0]].tokens,o.axes[e[1]].tokens),this.looking=!1,this.found={question:t,rows:i.hits,columns:a.hits,count:i.count+(this.once?0:a.count)},this.changed()}next(t){let{rows:e,columns:n}=this.found,o=e.length+(this.once?0:n.length);if(o===0)return null;this.at=this.at<0?t>0?0:o-1:(this.at+t+o)%o;let s=this.at<e.length?"query":"key",i=s==="query"?e[this.at]:n[this.at-e.length];return this.changed(),$h(this.app,s,i)}text(){let{question:t,count:e}=this.found;if(this.looking||t.trim()==="")return"";if(e>0)return this.at<0?`${e.toLocaleString("en-US")} found`:`${this.at+1} of ${e.toLocaleString("en-US")}`;if(Tr(t)===null)return"no such text";let{info:o}=F(this.app.manifest,this.app.store.state);return`no such position: there are ${o.queries.toLocaleString("en-US")} rows and ${o.keys.toLocaleString("en-US")} columns`}stop(){this.abort.abort()}};function Th(r,t){return r===t||r.length===t.length&&r.every((e,n)=>e===t[n])}function $h(r,t,e){let{manifest:n,store:o}=r,s=F(n,o.state),i=t==="query"?"from":"to";return{[t]:e.start,pinned:!0,direction:i,viewport:Lh(o.state.viewport,s,t,e.start)}}function Lh(r,t,e,n){let o=e==="query"?t.rows:t.columns,s=o.unitOf(n);if(s<0)return r;let[i,a]=e==="query"?["top","bottom"]:["left","right"];if(r&&s>=r[i]&&s+1<=r[a])return r;if(!r&&Math.max(t.rows.count,t.columns.count)<=Eh)return null;let l=r??{top:0,bottom:t.rows.count,left:0,right:t.columns.count},c=e==="query"?t.columns:t.rows,[h,p]=e==="query"?["left","right"]:["top","bottom"],u={...l};[u[i],u[a]]=ca(s,r?l[a]-l[i]:la,o);let m=c.axis.tokens.length===o.axis.tokens.length?c.unitOf(n):-1;return m>=0&&([u[h],u[p]]=ca(m,r?l[p]-l[h]:la,c)),u}function ca(r,t,{count:e}){let n=Math.min(t,e),o=Math.min(Math.max(0,r+.5-n/2),e-n);return[o,o+n]}var Oh=120,un=class{constructor(t,e,n){this.app=t;this.left=n;this.finder=new pn(t,()=>{this.count.textContent=this.finder.text(),e()}),this.input.type="search",this.input.placeholder="/ find",this.input.title='a word or a position (/); "12" in quotes is a text',this.input.setAttribute("aria-label","find a word or a position"),this.input.maxLength=200,this.count.setAttribute("role","status"),this.input.addEventListener("input",()=>this.typed()),this.input.addEventListener("keydown",i=>this.key(i));let o=T("\u2039","the one before (Shift N)",()=>this.next(-1));o.setAttribute("aria-label","the one before");let s=T("\u203A","the next one (n)",()=>this.next(1));s.setAttribute("aria-label","the next one"),this.form.append(this.input,this.count,o,s),this.opener=T("\u2315","find a word or a position (/)",()=>this.open()),this.opener.className="find-open",this.opener.setAttribute("aria-label","find"),this.element.append(this.opener,this.form),this.update(new Set(["find"]))}app;left;element=b("div","find");finder;input=b("input","find-input");count=b("span","find-count");opener;form=b("div","find-form");timer;update(t){let{find:e}=this.app.store.state;t.has("find")&&this.input.value!==e&&(this.input.value=e,this.element.toggleAttribute("data-open",e!=="")),(t.has("find")||t.has("map")||t.has("rowAxis"))&&this.finder.look(e)}open(){this.element.toggleAttribute("data-open",!0),this.input.focus(),this.input.select()}used(t){if(t==="/")this.open();else if((t==="n"||t==="N")&&this.app.store.state.find!=="")this.next(t==="n"?1:-1);else if(t==="p")this.pin();else return!1;return!0}stop(){clearTimeout(this.timer),this.finder.stop()}typed(){clearTimeout(this.timer),this.timer=setTimeout(()=>this.app.store.set({find:this.input.value}),Oh)}key(t){if(t.key==="Escape")this.close();else if(t.key==="Enter")this.chosen(t.shiftKey);else return;t.preventDefault(),t.stopPropagation()}async chosen(t){clearTimeout(this.timer),this.app.store.set({find:this.input.value}),await this.finder.settled,(!t||this.finder.at<0)&&this.next(1),t&&this.pin()}next(t){let e=this.finder.next(t);e&&this.app.store.set(e),this.finder.text()!==""&&this.app.say(this.finder.text())}pin(){let{store:t}=this.app,e=We(t.state);if(!e){this.app.say("there is nothing to pin: point at a cell or a word first");return}let n=le(t.state.pins,e),o=t.state.pins.length;t.set({pins:n}),this.app.say(n.length<o?"the pin is gone":"pinned")}close(){clearTimeout(this.timer),this.app.store.set({find:""}),this.input.value="",this.input.blur(),this.element.toggleAttribute("data-open",!1),this.left()}};var mn=class{constructor(t){this.title=t;this.element.setAttribute("aria-label","what is seen, in words"),this.status.setAttribute("role","status"),this.status.setAttribute("aria-live","polite"),this.expand=T("\u25B4","",()=>this.open(!this.isOpen)),this.expand.className="reader-expand",this.open(!1)}title;element=b("aside","reader");described=b("p","described");status=b("p","status");notes=b("p","notes");expand;mounted=[];mount(t){let e=b("div","reader-parts");e.tabIndex=0,e.setAttribute("role","region"),e.setAttribute("aria-label","reader");let n=S(t.manifest.title,120);this.title.textContent=n,this.title.title=n;let o=ue.map(({name:s})=>b("section",`reader-${s}`));e.append(this.title,...o,this.described,this.notes),this.element.append(this.expand,this.status,e),this.mounted=ue.map((s,i)=>s.mount(o[i],t))}say(t){this.status.textContent=t}describe(t){this.described.textContent!==t&&(this.described.textContent=t)}update(t,e,n){let s=t.special==="hidden"&&t.renormalise?["special tokens are left out, and each row is divided by what remains of it",...n]:n;this.notes.textContent=s.join(" \xB7 "),this.notes.hidden=s.length===0;for(let i of this.mounted)i.update(e)}destroy(){for(let t of this.mounted)t.destroy()}get isOpen(){return this.element.hasAttribute("data-open")}open(t){this.element.toggleAttribute("data-open",t),this.expand.setAttribute("aria-expanded",String(t)),this.expand.textContent=t?"\u25BE":"\u25B4",this.expand.setAttribute("aria-label",t?"less of the reader":"more of the reader")}};function ha(r){return{view:"map",map:0,heads:[0],unit:"tokens",special:"dimmed",renormalise:!1,rowAxis:0,scale:"linear",how:"mean",viewport:null,query:null,key:null,pinned:!1,direction:"from",threshold:.05,sort:"",thumbnails:"max",pins:[],find:"",pair:"all",with:null,compare:"beside",several:"mean",...r.opening}}function pa(r){let t=r,e=new Set;return{get state(){return t},set(n){let o=Object.keys(n),s=new Set(o.filter(i=>!Ch(t[i],n[i])));if(s.size!==0){t={...t,...n};for(let i of[...e])i(t,s)}},subscribe(n){return e.add(n),()=>e.delete(n)}}}function Ch(r,t){return r===t||JSON.stringify(r)===JSON.stringify(t)}var ua={view:R.map(({name:r})=>r),unit:["tokens","words","characters"],special:["shown","dimmed","hidden"],scale:["linear","log","row"],how:["mean","max"],direction:["from","to"],thumbnails:["mean","max"],pair:["all","a-b","b-a","a-a","b-b"],compare:["beside","difference"],several:["mean","colours"]},Ph=200,qh=["renormalise","pinned"];function $r(r,t){let e=new URLSearchParams;for(let o of Object.keys(t)){let s=ma(o,r[o]);s!==ma(o,t[o])&&e.set(o,s)}let n=e.toString().replaceAll("%2C",",");return n&&`#${n}`}function ma(r,t){if(t===null)return"";if(r==="pins")return Hs(t);if(r==="with")return Rh(t);if(typeof t=="boolean")return t?"1":"0";if(Array.isArray(t))return t.join(",");if(typeof t!="object")return String(t);let e=t;return[e.top,e.bottom,e.left,e.right].map(n=>Number(n.toFixed(3))).join(",")}function dn(r,t,e){let n=new URLSearchParams(r.replace(/^#/,"")),o={...e},s=(g,w)=>{let y=g!==null&&/^\d{1,9}$/.test(g)?Number(g):-1;return y>=0&&y<w?y:null};for(let g of Object.keys(ua)){let w=ua[g].find(y=>y===n.get(g));w!==void 0&&Object.assign(o,{[g]:w})}o.map=s(n.get("map"),t.maps.length)??o.map;let i=t.maps[o.map];o.map!==e.map&&Object.assign(o,{heads:[0],rowAxis:0,viewport:null,query:null,key:null,pinned:!1});for(let g of qh)/^[01]$/.test(n.get(g)??"")&&(o[g]=n.get(g)==="1");let l=n.get("heads")?.split(",").map(g=>s(g,i.heads))??[null];l.includes(null)||(o.heads=[...new Set(l)].sort((g,w)=>g-w)),o.rowAxis=s(n.get("rowAxis"),i.rowAxes.length)??o.rowAxis;let c=(g,w)=>n.get(g)===""?null:s(n.get(g),w)??o[g];o.query=c("query",i.queries),o.key=c("key",i.keys);let h=n.get("viewport");o.viewport=h===""?null:Nh(h,i)??o.viewport;let p=Number(n.get("threshold")||Number.NaN);p>=0&&p<=1&&(o.threshold=p);let u=n.get("sort");u!==null&&(u===""||t.maps.some(g=>Object.hasOwn(g.statistics,u)))&&(o.sort=u);let m=n.get("pins");m!==null&&(o.pins=Fs(m,t));let d=n.get("find");d!==null&&(o.find=d.slice(0,Ph));let f=n.get("with");return f!==null&&(o.with=Ih(f,t,o)),o}function Rh({map:r,heads:t}){return`${r}.${t.join(",")}`}function Ih(r,t,e){if(r==="")return null;let[,n,o]=/^(\d{1,6})\.(\d{1,6}(?:,\d{1,6})*)$/.exec(r)??[],s=n===void 0?void 0:t.maps[Number(n)],i=[...new Set(o?.split(",").map(Number))].sort((a,l)=>a-l);return s&&i.every(a=>a<s.heads)?{map:Number(n),heads:i}:e.with}function Nh(r,{queries:t,keys:e}){let n=r?.split(",")??[];if(n.length!==4||!n.every(c=>/^-?\d{1,9}(\.\d{1,6})?$/.test(c)))return null;let[o,s,i,a]=n.map(Number),l=(c,h,p)=>c<h&&c<p&&h>0&&h-c<=4*p;return l(o,s,t)&&l(i,a,e)?{top:o,bottom:s,left:i,right:a}:null}var Mt=class{constructor(t,e,n,o){this.content=o;this.element=b("div",`fold ${t}`),this.button=T(e,n,()=>this.open(!this.isOpen)),this.button.setAttribute("aria-expanded","false"),o.classList.add("folded"),this.element.append(this.button,o),this.away=s=>{this.isOpen&&!s.composedPath().includes(this.element)&&this.open(!1)},document.addEventListener("pointerdown",this.away),this.element.addEventListener("keydown",s=>{s.key!=="Escape"||!this.isOpen||(s.preventDefault(),this.open(!1),this.button.focus())})}content;element;button;away;get isOpen(){return this.element.hasAttribute("data-open")}open(t){this.element.toggleAttribute("data-open",t),this.button.setAttribute("aria-expanded",String(t))}stop(){document.removeEventListener("pointerdown",this.away)}};var fn=class{constructor(t,e,n,o){this.menu=o;this.heads=new Mt("fold-heads","","choose heads",e),this.views=new Mt("fold-views","","choose the view",n),this.element.append(t,this.heads.element,this.views.element,this.find,this.compare,o.fold.element)}menu;element=b("header","bar");find=b("div","bar-find");compare=b("div","bar-compare");heads;views;update(t,e){this.heads.button.textContent=`${t} \u25BE`,this.views.button.textContent=`${e} \u25BE`,this.views.open(!1)}stop(){for(let t of[this.heads,this.views,this.menu.fold])t.stop()}};var Hh=3,gn=class{element=b("div","errors");constructor(){this.element.setAttribute("role","alert")}show(t){if(t instanceof DOMException&&t.name==="AbortError")return;let e=t instanceof Error?t.message:String(t),n=[...this.element.children];if(n.some(s=>s.firstElementChild?.textContent===e))return;n.length>=Hh&&n[0].remove();let o=b("div","error");o.append(b("span","",e),T("Dismiss","",()=>o.remove())),this.element.append(o)}};var Fh=26;function Bh(r,t,e){if(e.shiftKey){let[o,s]=[Math.min(r[0],t),Math.max(r[0],t)];return Array.from({length:s-o+1},(i,a)=>o+a)}if(!e.ctrlKey&&!e.metaKey)return[t];let n=r.includes(t)?r.filter(o=>o!==t):[...r,t];return n.length>0?n.sort((o,s)=>o-s):[t]}var bn=class{constructor(t){this.app=t;this.element.setAttribute("role","toolbar"),this.element.setAttribute("aria-label","heads"),this.all=T("all","the mean of all heads",()=>{t.store.set({heads:this.buttons.map((e,n)=>n)})}),this.reach=$t(this.element,()=>[...this.buttons,this.all]),this.update()}app;element=b("div","head-strip");buttons=[];all;reach;map=-1;overview=null;asking=new AbortController;update(){let{map:t,heads:e}=this.app.store.state;t!==this.map&&this.build(t),this.buttons.forEach((o,s)=>{o.setAttribute("aria-pressed",String(e.includes(s)))}),this.all.setAttribute("aria-pressed",String(e.length===this.buttons.length)),this.buttons.find(o=>o.tabIndex===0)?.matches(":focus")||this.reach(this.buttons[e[0]]),Te(this.element,this.buttons[e[0]])}paint(){let{overview:t}=this,e=t&&Pe(t,this.app.store.state,this.app.palette);!e||!t||this.buttons.forEach((n,o)=>{let s=n.querySelector("canvas"),i=s?.getContext("2d");s&&i&&Xt(i,e,t,o,{x:0,y:0,width:s.width,height:s.height})})}stop(){this.asking.abort()}build(t){this.map=t;let{heads:e}=this.app.manifest.maps[t];this.element.hidden=e<2,this.buttons=Array.from({length:e},(o,s)=>this.headButton(s)),this.element.replaceChildren(b("span","strip-title","heads"),...this.buttons,this.all),this.overview=null,this.asking.abort(),this.asking=new AbortController;let{signal:n}=this.asking;e<2||this.app.source.overview(t,n).then(o=>{n.aborted||(this.overview=o,this.paint())},o=>n.aborted||this.app.fail(o))}headButton(t){let e=T("",`head ${t} (with Ctrl or Shift, several are averaged)`,o=>{this.app.store.set({heads:Bh(this.app.store.state.heads,t,o)})});e.setAttribute("aria-label",`head ${t}`);let n=b("canvas");return n.width=n.height=Fh*Math.min(2,Math.ceil(devicePixelRatio||1)),n.setAttribute("aria-hidden","true"),e.append(n,b("span","",String(t))),e}};var zh=[[`1 \u2026 ${R.length}`,"choose the view"],["[ ]","previous or next head"],["{ }","previous or next layer"],["w","tokens, words or characters"],["s","special tokens shown, dimmed or hidden"],["c","colours in proportion, logarithmic, or each row by its largest"],["m","a cell shows the mean or the largest"],["/","find a word or a position; n and N go to the next and the one before"],["p","pin what is chosen, or let it go"],["v","a second picture beside the first"],["t","the table of what is shown"],["?","this help"]],yn=class{element=b("dialog","help");body=b("div");constructor(){this.element.setAttribute("aria-label","keys"),this.element.append(this.body,T("Close","",()=>this.element.close()))}open(t){let e=[da("Everywhere",zh)];t&&t.keys.length>0&&e.unshift(da(t.title,t.keys)),this.body.replaceChildren(...e),this.element.showModal()}};function da(r,t){let e=b("section"),n=b("dl");for(let[o,s]of t){let i=b("dt");i.append(b("kbd","",o)),n.append(i,b("dd","",s))}return e.append(b("h2","",r),n),e}var fa={s:["special",["shown","dimmed","hidden"]],c:["scale",["linear","log","row"]],m:["how",["mean","max"]]},Gh={special:r=>`special tokens ${r}`,scale:r=>({linear:"colours in proportion",log:"colours by logarithm"})[r]??"each row by its largest",how:r=>r==="max"?"a cell shows the largest weight":"a cell shows the mean"};function ga(r,{manifest:t,store:e,say:n}){let{state:o}=e,s=t.maps[o.map];if(r==="["||r==="]"){let i=r==="]"?1:-1;e.set({heads:[((o.heads.length>1?o.heads[0]:o.heads[0]+i)+s.heads)%s.heads]}),n(O(s,e.state.heads))}else if(r==="{"||r==="}"){let i=Ao(t,o,r==="}"?1:-1);i!==null&&e.set(st(t,o,i));let a=O(t.maps[e.state.map],e.state.heads);n(i===null?`${a}: there is no ${r==="}"?"later":"earlier"} layer`:a)}else if(r==="w"){let i=$e(t,s);e.set({unit:i[(i.indexOf(o.unit)+1)%i.length]}),n(i.length>1?e.state.unit:"where words begin is not known")}else if(r in fa){let[i,a]=fa[r],l=a,c=l[(l.indexOf(o[i])+1)%l.length];e.set({[i]:c}),n(Gh[i]?.(c)??c)}else return!1;return!0}function ba(r){return r instanceof HTMLElement?r.isContentEditable||r.matches("select, textarea")?!0:r.matches("input:not([type=checkbox])"):!1}function ya(r,t){return(t==="Enter"||t===" ")&&r instanceof HTMLElement&&r.matches("button, summary, a, input")}var Uh={encoder:"encoder",decoder:"decoder",cross:"cross-attention",self:"self-attention",map:"maps"},wn=class{constructor(t){this.app=t;let{manifest:e,store:n}=t,o=e.items.map((s,i)=>[String(i),S(s,60)]);this.item=D("sequence",o,s=>{let i=ko(e,n.state,Number(s));i>=0?n.set(st(e,n.state,i)):t.say("there is no map of this sequence"),this.update()}),this.item.label.hidden=e.items.length<2,this.map=D("map",[],s=>n.set(st(e,n.state,Number(s)))),this.element.append(this.item.label,this.map.label),this.update()}app;element=b("div","map-choice");item;map;listed=-1;update(){let{manifest:t,store:e}=this.app,{item:n}=t.maps[e.state.map];n!==this.listed&&this.list(n),this.item.control.value=String(n),this.map.control.value=String(e.state.map)}list(t){this.listed=t;let e=this.app.manifest.maps.map((o,s)=>({info:o,at:s})).filter(({info:o})=>o.item===t),n=[...new Set(e.map(({info:o})=>o.kind))];this.map.control.replaceChildren(...n.map(o=>{let s=b("optgroup");s.label=Uh[o];let i=e.filter(({info:a})=>a.kind===o);return s.append(...i.map(({info:a,at:l})=>new Option(Vh(a,l),String(l)))),s}))}};function Vh(r,t){return r.layer===null?S(r.name||`map ${t}`,60):`${r.kind} layer ${r.layer}`}var vn=class{constructor(t,e,n){this.manifest=t;let o=b("div","menu-content");this.fold=new Mt("menu","\u22EF","settings, table, pictures, help",o),this.fold.button.setAttribute("aria-label","menu");let s=(a,l,c)=>T(a,l,()=>{this.fold.open(!1),c()});this.tableButton=s("Table","what is shown, as a table (t)",n.table),this.tableButton.setAttribute("aria-expanded","false"),this.themeButton=T("","colours of the viewer: the host's, light, or dark",n.theme);let i=b("div","buttons");i.append(this.tableButton,s("Copy table","tab-separated, for a spreadsheet, with all digits",n.copy),s("CSV","save the table as a file, with all digits",n.csv),s("PNG","save the picture, whole, in pixels",n.png),s("SVG","save the picture, whole, as a drawing",n.svg),this.themeButton,s("Help","the views, and the keys (?)",n.help)),o.append(e,i,this.absent)}manifest;fold;tableButton;themeButton;absent=b("p","menu-absent");update(t,e,n){this.tableButton.setAttribute("aria-expanded",String(e)),this.themeButton.textContent=`Theme: ${n}`;let o=R.flatMap(({title:s,unavailable:i})=>{let a=i(this.manifest,t);return a===null?[]:[`${s}: ${a}.`]});this.absent.textContent=o.length>0?`Not here: ${o.join(" ")}`:"",this.absent.hidden=o.length===0}};var xn="has-sheet";function wa(r,t,e){let n=b("div","sheet");n.setAttribute("aria-hidden","true"),r.append(n);let o=null,s="",i=0,a=async()=>{let p=++i;o??=e.light();let u=await e.view().svg();if(p!==i)return;let m=new DOMParser().parseFromString(u,"image/svg+xml").documentElement,d=e.notes().map(f=>b("p","",f));n.replaceChildren(document.importNode(m,!0),...d),r.classList.contains(xn)||(s=r.style.height),r.style.height="auto",r.classList.add(xn)},l=()=>{a().catch(e.fail)},c=()=>{i++,o?.(),o=null,r.classList.contains(xn)&&(r.style.height=s),r.classList.remove(xn),n.replaceChildren()},h=p=>{p.key.toLowerCase()!=="p"||!(p.ctrlKey||p.metaKey)||p.shiftKey||p.altKey||(p.preventDefault(),a().then(()=>print(),e.fail))};return addEventListener("beforeprint",l),addEventListener("afterprint",c),t&&addEventListener("keydown",h),()=>{removeEventListener("beforeprint",l),removeEventListener("afterprint",c),removeEventListener("keydown",h),n.remove()}}function va(r,t){return`${r.map(n=>n.normalize("NFKC").replace(/[^\p{L}\p{N}]+/gu,"-").slice(0,60).replace(/^-+|-+$/g,"")).filter(n=>n!=="").join("_")||"attention"}.${t}`}function xa({columns:r,rows:t}){let e=n=>n.replace(/[\t\r\n]+/g," ");return[r,...t].map(n=>n.map(e).join("	")).join(`
`)}function ka({columns:r,rows:t}){let e=n=>/[",\r\n]/.test(n)?`"${n.replaceAll('"','""')}"`:n;return[r,...t].map(n=>`${n.map(e).join(",")}\r
`).join("")}function Aa(r=window){let t="open the page by itself, or copy the table";try{for(let e=r;e!==e.parent;e=e.parent){let n=e.frameElement?.getAttribute("sandbox")??null;if(n!==null&&!/\ballow-downloads\b/.test(n))return{forbidden:!0,text:`this frame forbids downloads; ${t}`};if(!e.frameElement)break}}catch{}return r===r.parent||r.origin!=="null"?{forbidden:!1,text:""}:{forbidden:!1,text:`saved, if the frame around this page allows downloads; if not, ${t}`}}function Sa(r,t){let e=document.createElement("a");e.href=URL.createObjectURL(t),e.download=r,e.click(),setTimeout(()=>URL.revokeObjectURL(e.href),1e4)}async function Ma(r){let t=URL.createObjectURL(new Blob([r],{type:"image/svg+xml"}));try{let e=new Image;e.src=t,await e.decode().catch(()=>{throw new Error("the browser could not draw the view's SVG; save it as SVG and open that")});let n=document.createElement("canvas");n.width=2*e.width,n.height=2*e.height,n.getContext("2d")?.drawImage(e,0,0,n.width,n.height);let o=await new Promise(s=>n.toBlob(s,"image/png"));if(!o)throw new Error(`the browser could not make a PNG of ${n.width} \xD7 ${n.height}; save it as SVG`);return o}finally{URL.revokeObjectURL(t)}}async function Ea(r,t){try{await navigator.clipboard.writeText(r);return}catch{}let e=document.createElement("textarea");e.value=r,e.style.position="fixed",e.style.opacity="0",t.append(e),e.select();let n=document.execCommand("copy");if(e.remove(),!n)throw new Error("the browser does not let this page copy; open the table and copy it by hand")}var _h=128,kn=class{constructor(t){this.app=t;this.add("unit","units",[["tokens","tokens"],["words","words"],["characters","characters"]]),this.add("special","special tokens",[["shown","shown"],["dimmed","dimmed"],["hidden","hidden"]]),this.renormalise=$o("renormalise rows",e=>t.store.set({renormalise:e})),this.renormalise.control.title="divide each row by its sum over the tokens that are not hidden",this.element.append(this.renormalise.label),this.add("scale","colours",[["linear","in proportion"],["log","logarithmic"],["row","each row by its largest"]]),this.add("how","a cell shows",[["mean","the mean"],["max","the largest"]]),this.add("thumbnails","a cell shows",[["mean","the mean"],["max","the largest"]]),this.add("several","several heads",[["mean","their mean"],["colours","a colour each"]]),this.add("pair","sentences",[["all","both"],["a-b","A looks at B"],["b-a","B looks at A"],["a-a","within A"],["b-b","within B"]]),this.rowAxis=D("row labels",[],e=>t.store.set({rowAxis:Number(e)})),this.element.append(this.rowAxis.label),this.update()}app;element=b("div","settings");controls={};renormalise;rowAxis;update(){let{manifest:t,store:e}=this.app,{state:n}=e,o=t.maps[n.map];for(let[c,h]of Object.entries(this.controls))h.value=String(n[c]);let s=new Set(R.find(({name:c})=>c===n.view)?.settings);for(let[c,h]of Object.entries(this.controls))de(h,!s.has(c));let i=$e(t,o),a=this.controls.unit;a.disabled=i.length===1,a.title=a.disabled?"where words begin is not known":"";for(let c of a.options)c.disabled=!i.includes(c.value);[...o.rowAxes,o.columnAxis].some(c=>t.axes[c].special.length>0)||de(this.controls.special,!0),Math.max(o.queries,o.keys)<=_h&&de(this.controls.how,!0),Hn(t,o,n)||de(this.controls.pair,!0),n.heads.length<2&&de(this.controls.several,!0),this.renormalise.label.hidden=n.special!=="hidden"||!s.has("renormalise"),this.renormalise.control.checked=n.renormalise,gt(this.rowAxis.control,o.rowAxes.map((c,h)=>[String(h),t.axes[c].title])),this.rowAxis.control.value=String(n.rowAxis),this.rowAxis.label.hidden=o.rowAxes.length<2||!s.has("rowAxis")}add(t,e,n){let{label:o,control:s}=D(e,n,i=>this.app.store.set({[t]:i}));this.controls[t]=s,this.element.append(o)}};function de(r,t){r.closest("label").hidden=t}var An=class{constructor(t,e,n){this.read=t;this.fail=e;this.element.hidden=!0,this.element.setAttribute("aria-label","table of what is shown"),this.holder.tabIndex=0,this.holder.setAttribute("role","region"),this.holder.setAttribute("aria-label","table"),this.element.append(T("Close table","",n),this.holder)}read;fail;element=b("section","table-panel");holder=b("div","table-holder");turn=0;show(t){this.element.hidden=!t,t&&this.update()}async update(){if(this.element.hidden)return;let t=++this.turn;try{let e=await this.read();t===this.turn&&this.holder.replaceChildren(jh(e))}catch(e){t===this.turn&&this.fail(e)}}};function jh({caption:r,columns:t,rows:e}){let n=b("table");n.createCaption().textContent=r;let o=n.createTHead().insertRow();for(let i of t){let a=b("th","",i);a.scope="col",o.append(a)}let s=n.createTBody();for(let i of e){let a=s.insertRow();i.forEach((l,c)=>{let h=b(c===0?"th":"td","",l);c===0&&(h.scope="row"),a.append(h)})}return n}var Sn=class{constructor(t,e,n){this.app=t;this.views=e;this.element.setAttribute("role","tablist"),this.element.setAttribute("aria-label","views"),this.tabs=e.map((o,s)=>{let i=T(o.title,"",()=>this.choose(o.name));return i.setAttribute("role","tab"),i.setAttribute("aria-controls",n),i.setAttribute("aria-keyshortcuts",String(s+1)),i.id=`${n}-${o.name}`,i}),this.element.append(...this.tabs),this.reach=$t(this.element,()=>this.tabs.filter(o=>!o.hidden)),this.update()}app;views;element=b("div","tabs");tabs;reach;update(){let{state:t}=this.app.store;this.views.forEach((n,o)=>{let s=this.tabs[o];s.setAttribute("aria-selected",String(n.name===t.view)),s.hidden=n.unavailable(this.app.manifest,t)!==null,s.title=`${n.title} (key ${o+1})`});let e=this.tabs[this.views.findIndex(n=>n.name===t.view)];this.tabs.some(n=>n.matches(":focus"))||this.reach(e),Te(this.element,e)}choose(t){let e=this.views.find(o=>o.name===t),n=e?.unavailable(this.app.manifest,this.app.store.state);e&&(n?this.app.say(`${e.title}: ${n}`):this.app.store.set({view:t}))}};var Dh=["background","text","dimmed","frame","accent"];function Wh(r){let{body:t,documentElement:e}=r,n=t.getAttribute("data-jp-theme-light");if(n!==null)return n==="false"?"dark":"light";let o=i=>t.classList.contains(i)||e.classList.contains(i);if(o("vscode-dark")||o("vscode-high-contrast")&&!o("vscode-high-contrast-light"))return"dark";if(o("vscode-light")||o("vscode-high-contrast-light"))return"light";let s=e.getAttribute("theme");return s!==null?s==="dark"?"dark":"light":o("dark")||o("dark-theme")?"dark":o("light")||o("light-theme")?"light":null}var Mn=class{constructor(t,e,n,o){this.root=t;this.chosen=e;this.notebook=n;this.changed=o;if(this.palette=xt(this.current()),this.paint(),this.preference.addEventListener("change",this.look),!n)return;this.observer=new MutationObserver(this.look);let s={attributes:!0,attributeFilter:["class","theme","data-jp-theme-light"]};for(let i of[document.documentElement,document.body])this.observer.observe(i,s)}root;chosen;notebook;changed;palette;preference=matchMedia("(prefers-color-scheme: dark)");observer=null;look=()=>this.resolve();choose(t){this.chosen=t,this.resolve()}lit(){let{chosen:t}=this;return this.choose("light"),()=>this.choose(t)}stop(){this.observer?.disconnect(),this.preference.removeEventListener("change",this.look)}current(){return this.chosen!=="auto"?this.chosen:(this.notebook?Wh(document):null)??(this.preference.matches?"dark":"light")}resolve(){let t=this.current();t!==this.palette.name&&(this.palette=xt(t),this.paint(),this.changed())}paint(){for(let t of Dh)this.root.style.setProperty(`--${t}`,this.palette[t]);this.root.style.colorScheme=this.palette.name}};function En(r){if(r==="widget")return!1;try{return window.parent===window&&location.origin!=="null"}catch{return!1}}function Ta(r){let{at:t,last:e}=history.state?.regard??{at:0,last:0},n=()=>location.pathname+location.search,o=()=>({...history.state,regard:{at:t,last:e}}),s=()=>{let i=history.state?.regard;i?{at:t}=i:(e=++t,history.replaceState(o(),"")),r(location.hash)};return addEventListener("popstate",s),{settle(i,a){i!==location.hash&&(a?(e=++t,history.pushState(o(),"",i||n())):history.replaceState(o(),"",i||n()))},can:i=>i<0?t>0:t<e,go:i=>history.go(i),stop(){removeEventListener("popstate",s),location.hash&&history.replaceState(null,"",n())}}}var Kh=100;function $a(r,t,e){let n=[r],o=0;return{settle(s,i){s!==n[o]&&(i?(n=[...n.slice(0,o+1),s].slice(-Kh),o=n.length-1):n[o]=s,e(s))},can:s=>n[o+s]!==void 0,go(s){n[o+s]!==void 0&&(o+=s,e(n[o]),t(n[o]))},stop:()=>e("")}}var Yh=300,Jh=150,[La,Xh]=[560,484],Qh=new Set(["query","key","pinned","viewport"]),Zh=["view","map","heads","viewport","with","compare","pair"],Lr=["auto","light","dark"],Tn=class{constructor(t,e){this.host=e;let{manifest:n,source:o,kind:s}=e;this.element=b(s==="page"?"main":"section",`viewer ${s}`),this.element.setAttribute("aria-label",`attention: ${S(n.title,120)}`),this.start=ha(n);let i=pa(s==="widget"?this.start:dn(location.hash,n,this.start)),a=g=>i.set(dn(g,n,this.start));this.visits=En(s)?Ta(a):$a($r(i.state,this.start),a,g=>this.setAddress(g)),this.theme=new Mn(this.element,e.theme??"auto",s==="widget",()=>this.redraw());let{theme:l}=this;this.app={manifest:n,source:o,store:i,get palette(){return l.palette},say:g=>this.reader.say(g),describe:g=>{this.reader.describe(g),this.fit()},fail:g=>this.errors.show(g),marked:()=>this.find.finder.found,get sharedTop(){return i.state.with!==null&&i.state.compare==="beside"?c:void 0}};let c=new hn(()=>this.redrawSoon());this.find=new un(this.app,()=>this.redrawSoon(),()=>this.panel.querySelector("[tabindex='0']")?.focus()),this.compare=T("\u21C4","a second picture beside this one",()=>this.toggleCompare()),this.compare.setAttribute("aria-label","compare"),this.pane=new cn(this.app,R);let h=new kn(this.app);this.reader=new mn(b(s==="widget"?"h2":"h1","title")),this.menu=new vn(n,h.element,{table:()=>this.showTable(!this.tableOpen),copy:()=>this.attempt(()=>this.copy()),csv:()=>this.save("csv",async()=>Oa(ka(await this.view().table(!0)),"text/csv")),png:()=>this.save("png",async()=>Ma(await this.view().svg())),svg:()=>this.save("svg",async()=>Oa(await this.view().svg(),"image/svg+xml")),theme:()=>this.setTheme(Lr[(Lr.indexOf(this.theme.chosen)+1)%Lr.length]),help:()=>this.openHelp()}),this.table=new An(()=>this.view().table(),g=>this.errors.show(g),()=>this.showTable(!1)),this.panel.id=`panel-${Math.random().toString(36).slice(2)}`,this.panel.setAttribute("role","tabpanel"),this.strip=new bn(this.app),this.tabs=new Sn(this.app,R,this.panel.id);let p=new wn(this.app);this.bar=new fn(p.element,this.strip.element,this.tabs.element,this.menu),this.bar.find.append(this.find.element),this.bar.compare.append(this.compare),this.parts=[p,this.strip,this.tabs,h,this.pane],this.build(t),this.reader.mount(this.app),this.update(new Set),this.stops.push(i.subscribe((g,w)=>this.changed(g,w))),this.listen(i),this.mountView();let u=s!=="widget",{view:m,light:d}={view:()=>this.view(),light:()=>this.theme.lit()},f=()=>n.notes;this.stops.push(wa(this.element,u,{view:m,light:d,notes:f,fail:g=>this.errors.show(g)}))}host;element;panel=b("div","panel");errors=new gn;help=new yn;app;theme;parts;strip;tabs;bar;menu;reader;find;pane;compare;first=b("p","compare-first");table;start;stops=[];visits;stepped=!1;mounted=null;tableOpen=!1;addressTimer;tableTimer;frame=0;redrawing=0;fitted="";get store(){return this.app.store}setTheme(t){this.theme.choose(t),this.menu.update(this.app.store.state,this.tableOpen,t)}destroy(){for(let t of this.stops)t();clearTimeout(this.addressTimer),clearTimeout(this.tableTimer),cancelAnimationFrame(this.frame),cancelAnimationFrame(this.redrawing),this.theme.stop(),this.strip.stop(),this.bar.stop(),this.find.stop(),this.pane.unmount(),this.reader.destroy(),this.mounted?.view.destroy(),this.mounted=null,this.element.remove(),this.host.transport.close(),this.visits.stop()}changed(t,e){[...e].some(n=>!Qh.has(n))?(this.app.say(""),this.update(e)):this.reader.update(t,e,this.host.manifest.notes),this.find.update(e),(e.has("thumbnails")||e.has("scale"))&&this.strip.paint(),(e.has("view")||e.has("map")||e.has("rowAxis")||e.has("heads"))&&this.mountView(),this.tableOpen&&(clearTimeout(this.tableTimer),this.tableTimer=setTimeout(()=>this.table.update(),Jh)),this.stepped||=Zh.some(n=>e.has(n)),clearTimeout(this.addressTimer),this.addressTimer=setTimeout(()=>{this.visits.settle($r(this.app.store.state,this.start),this.stepped),this.stepped=!1},Yh)}update(t){let{state:e}=this.app.store;for(let n of this.parts)n.update();this.bar.update(tp(e.heads),R.find(({name:n})=>n===e.view)?.title??""),this.menu.update(e,this.tableOpen,this.theme.chosen),this.reader.update(e,t,this.host.manifest.notes),this.compare.setAttribute("aria-pressed",String(e.with!==null)),this.first.hidden=e.with===null,this.first.textContent=`A: ${O(this.host.manifest.maps[e.map],e.heads)}`}toggleCompare(){let{store:t}=this.app;t.set({with:t.state.with===null?ia(this.app):null})}redrawSoon(){cancelAnimationFrame(this.redrawing),this.redrawing=requestAnimationFrame(()=>{this.mounted?.view.redraw(),this.pane.redraw()})}mountView(){let{store:t,manifest:e}=this.app,n=R.find(s=>s.name===t.state.view)??R[0],o=n.unavailable(e,t.state);if(o!==null&&n!==R[0]){this.app.say(`${n.title}: ${o}`),t.set({view:R[0].name});return}if(this.mounted?.name!==n.name){this.mounted?.view.destroy(),this.mounted=null,this.panel.replaceChildren(),this.app.describe(""),this.panel.setAttribute("aria-labelledby",`${this.panel.id}-${n.name}`);try{this.mounted={name:n.name,view:n.mount(this.panel,this.app)}}catch(s){this.errors.show(s)}}}view(){if(!this.mounted)throw new Error("there is no view to show; choose another");return this.mounted.view}redraw(){this.strip.paint(),this.reader.update(this.app.store.state,new Set,this.host.manifest.notes),this.mounted?.view.redraw(),this.pane.redraw()}fit(){let{kind:t,height:e=La}=this.host,{style:n}=this.element;if(t!=="widget"||n.height!==this.fitted)return;let o=this.mounted?.view.contentHeight?.()??null,s=this.element.offsetHeight-this.panel.clientHeight,i=Math.min(e,Xh);this.fitted=`${o===null?e:Math.round(Math.max(i,Math.min(e,o+s)))}px`,n.height!==this.fitted&&(n.height=this.fitted)}setAddress(t){if(!(this.host.kind==="widget"||t===location.hash))try{history.replaceState(history.state,"",t||location.pathname+location.search)}catch{}}listen(t){let e=this.host.kind==="widget"?this.element:document,n=i=>this.key(i);e.addEventListener("keydown",n),this.stops.push(()=>e.removeEventListener("keydown",n));let o=new ResizeObserver(()=>{cancelAnimationFrame(this.frame),this.frame=requestAnimationFrame(()=>{this.tabs.update(),this.fit(),this.mounted?.view.redraw(),this.pane.redraw()})});if(o.observe(this.panel),this.stops.push(()=>o.disconnect()),this.host.kind==="widget"||En(this.host.kind))return;let s=()=>t.set(dn(location.hash,this.host.manifest,this.start));addEventListener("hashchange",s),this.stops.push(()=>removeEventListener("hashchange",s))}key(t){let e=t.composedPath()[0];t.defaultPrevented||t.isComposing||this.help.element.open||ba(e)||ya(e,t.key)||!t.composedPath().includes(this.element)&&e!==document.body&&e!==document||this.used(t)&&(t.preventDefault(),t.stopPropagation())}used(t){if(t.key==="Escape"&&this.tableOpen)return this.showTable(!1),!0;if(t.altKey&&(t.key==="ArrowLeft"||t.key==="ArrowRight"))return En(this.host.kind)?!1:(this.visits.go(t.key==="ArrowLeft"?-1:1),!0);if((t.composedPath().includes(this.pane.element)&&this.pane.view||this.mounted?.view)?.keydown(t))return!0;if(t.ctrlKey||t.altKey||t.metaKey)return!1;let{key:n}=t,o=R[Number(n)-1];if(o)this.tabs.choose(o.name);else if(n==="t")this.showTable(!this.tableOpen);else if(n==="?")this.openHelp();else if(n==="v")this.toggleCompare();else return this.find.used(n)?!0:ga(n,this.app);return!0}openHelp(){this.help.open(R.find(t=>t.name===this.mounted?.name))}showTable(t){this.tableOpen=t,this.table.show(t),this.menu.update(this.app.store.state,t,this.theme.chosen)}async copy(){let t=await this.view().table(!0);await Ea(xa(t),this.element),this.app.say(`copied: ${t.caption}`)}attempt(t){t().catch(e=>this.errors.show(e))}save(t,e){this.attempt(async()=>{let{forbidden:n,text:o}=Aa();n||Sa(this.name(t),await e()),o!==""&&this.app.say(o)})}name(t){let{manifest:e,store:n}=this.app,{map:o,heads:s,view:i}=n.state;return va([e.title,O(e.maps[o],s),i],t)}build(t){let{kind:e,height:n=La}=this.host;e==="widget"&&(this.element.style.height=this.fitted=`${n}px`);let o=b("div","stage"),s=b("div","picture");s.append(this.first,this.panel);let i=b("div","pictures");i.append(s,this.pane.element),o.append(i,this.table.element);let a=b("div","body");a.append(o,this.reader.element),this.element.append(this.bar.element,this.errors.element,a,this.help.element),t.append(this.element);for(let l of this.parts)l.update()}};function tp(r){return r.length===1?`head ${r[0]}`:`${r.length} heads`}function Oa(r,t){return new Blob([r],{type:t})}function fe(r,t){let e=r.shadowRoot??r.attachShadow({mode:"open"}),n=[Ki,Lo,To,Wi];if(e.adoptedStyleSheets=[...n,...[...ue,...R].map(({styles:s})=>s)].map(s=>{let i=new CSSStyleSheet;return i.replaceSync(s),i}),t.kind==="widget"&&(r.dataset.lmSuppressShortcuts="true"),t.manifest.maps.length===0){let s=b("p","empty","There is no map in this recording.");return e.replaceChildren(s),{store:null,destroy:()=>s.remove(),setTheme:()=>{}}}let o=new Tn(e,t);return{store:o.store,destroy:()=>o.destroy(),setTheme:s=>o.setTheme(s)}}var ep=new Set([409,429,503]),np=1e4;function Ca(r,t={}){let e=new AbortController,n=(o,s,i)=>fetch(`${r.replace(/\/+$/,"")}/${encodeURIComponent(o)}`,{method:"POST",headers:{...t,"content-type":"application/json"},body:JSON.stringify(s),signal:i}).catch(a=>{throw a instanceof TypeError?new Error(`no answer from the server (${a.message}); is it still running?`):a});return{async ask(o,s,i){let a=AbortSignal.any([e.signal,...i?[i]:[]]);a.throwIfAborted();let l=await n(o,s,a);if(ep.has(l.status)&&(await l.body?.cancel(),await yo(rp(l),a),l=await n(o,s,a)),!l.ok)throw new Error(await op(l));return l.arrayBuffer()},close(){e.abort(new Error("the viewer is closed"))}}}function rp(r){let t=r.headers.get("retry-after"),e=t===null?1e3:/^\d+$/.test(t)?1e3*Number(t):Date.parse(t)-Date.now();return Number.isNaN(e)?1e3:Math.min(Math.max(e,0),np)}async function op(r){let t=await r.text();try{let{error:e}=JSON.parse(t);if(typeof e=="string")return e}catch{}return`the server answered ${r.status} ${r.statusText}`.trim()}var Pa=`:host {
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
`;var qa="The cat sat on the mat.";async function ip(r,t){let e=new Or(r,t);try{await e.open()}catch(n){e.tell(n)}}var Or=class{constructor(t,e){this.root=t;this.base=e;this.shadow=t.attachShadow({mode:"open"});let n=new CSSStyleSheet;n.replaceSync(Pa),this.shadow.adoptedStyleSheets=[n],this.viewer.className="viewer",this.said.className="said",this.said.setAttribute("role","status"),this.card.className="card",this.card.hidden=!0,this.shadow.append(this.header,this.card,this.said,this.viewer);let o=matchMedia("(prefers-color-scheme: dark)"),s=()=>{let i=xt(o.matches?"dark":"light");for(let a of["background","text","dimmed","frame","accent"])this.root.style.setProperty(`--${a}`,i[a])};o.addEventListener("change",s),s()}root;base;shadow;header=document.createElement("header");card=document.createElement("section");said=document.createElement("p");viewer=document.createElement("div");documents=document.createElement("select");mounted=null;listed=[];async open(){let{documents:t,playground:e}=await this.ask("documents");this.listed=t,this.documents.addEventListener("change",()=>this.show(this.documents.value)),e&&this.offer(await this.ask("playground")),this.header.append($n("looking at",this.documents)),this.list(),t.length>0?await this.show(t[0].id):await this.make("translate",{text:qa}),this.header.hidden=!e&&t.length<2}offer({translator:t,longest:e,mechanisms:n}){let o=document.createElement("form"),[s,i]=[document.createElement("input"),document.createElement("input")];s.value=qa,s.maxLength=i.maxLength=e,s.required=!0,i.placeholder="found by the model";let a=document.createElement("button");a.textContent="Translate",o.append($n(t,s),$n("its translation, where you know it",i),a),o.addEventListener("submit",async c=>{c.preventDefault(),a.disabled=!0,await this.make("translate",{text:s.value,target:i.value.trim()||void 0}),a.disabled=!1});let l=document.createElement("select");l.append(new Option("choose one \u2026",""));for(let c of new Set(n.map(h=>h.family))){let h=document.createElement("optgroup");h.label=c;for(let p of n.filter(u=>u.family===c))h.append(new Option(p.title+(p.steps?" (step by step)":""),p.name));l.append(h)}l.addEventListener("change",()=>{let c=n.find(h=>h.name===l.value);c&&this.make("mechanism",{name:c.name}).then(()=>this.tellCard(c))}),this.header.append(o,$n("a mechanism on a small example",l))}tellCard(t){let e=(s,i="")=>{let a=document.createElement("p");return a.className=i,a.textContent=s,a},n=document.createElement("details"),o=document.createElement("summary");o.textContent="what it is for",n.append(o,e(t.change),e(`Used by: ${t.use}`),e(`Better at: ${t.wins}`)),n.append(e(`Worse at: ${t.loses}`),e(t.paper,"paper")),this.card.replaceChildren(e(t.formula,"formula"),n),this.card.hidden=!1}async make(t,e){this.say("\u2026");try{let n=await this.ask(`playground/${t}`,e);this.listed=[...this.listed,n],this.list(),await this.show(n.id)}catch(n){this.tell(n)}}list(){let t=this.documents.value;this.documents.replaceChildren(...this.listed.map(({id:e,title:n})=>new Option(S(n,60),e))),this.documents.value=t}async show(t){this.card.hidden=!0;let e=Ca(`${this.base}/documents/${encodeURIComponent(t)}`);try{let n=Y(await e.ask("manifest",{})).meta;this.mounted?.destroy(),this.viewer.replaceChildren();let o=document.createElement("div");o.style.height="100%",this.viewer.append(o),this.mounted=fe(o,{transport:e,source:Wt(e),manifest:n,kind:"server"}),this.documents.value=t,document.title=`${S(n.title,60)} \xB7 Regard`,this.say("")}catch(n){this.tell(n)}}async ask(t,e){let n={method:"POST",headers:{"content-type":"application/json"},body:JSON.stringify(e)},o=await fetch(`${this.base}/${t}`,e===void 0?{}:n),s=await o.json().catch(()=>({error:`the server answered ${o.status}`}));if(!o.ok)throw new Error(s.error??`the server answered ${o.status}`);return s}say(t){this.said.classList.remove("wrong"),this.said.textContent=t}tell(t){this.said.classList.add("wrong"),this.said.textContent=t instanceof Error?t.message:String(t)}};function $n(r,t){let e=document.createElement("label");return e.append(r,t),e}async function ap(r=cp()){try{let t=vo(),e=await qn(t);return fe(r,{transport:t,source:Wt(t),manifest:e,kind:"page"})}catch(t){throw r.textContent=Ra(t),t}}async function lp({model:r,el:t,live:e=!0}){let n=xo(r),o=document.createElement("div");t.append(o);let s=Eo(r,o);if(!e)return n.close(),s.say("No kernel answers here: this is how it opened. Run the cell again to look around."),()=>o.remove();let i=()=>r.get("theme"),[a,l]=[Number(r.get("height")),Wt(n)],c=a>0?{height:a}:{};try{let h=await qn(n);s.hide();let p={...h,opening:{...h.opening,...Rn(r)}},u=fe(o,{transport:n,source:l,manifest:p,kind:"widget",theme:i(),...c}),m=u.store?Mo(r,u.store,h):()=>{},d=()=>u.setTheme(i());return r.on("change:theme",d),()=>{r.off("change:theme",d),m(),u.destroy(),o.remove(),s.show()}}catch(h){return n.close(),s.say(Ra(h)),()=>o.remove()}}var Qy={render:lp};function cp(){let r=document.createElement("div");return document.body.append(r),r}function Ra(r){return r instanceof Error?r.message:String(r)}globalThis.document?.getElementById("regard-manifest")&&ap();export{Qy as default,ap as mountPage,ip as mountSite};
