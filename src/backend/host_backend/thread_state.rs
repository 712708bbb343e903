//! One emulated GPU thread: its coroutine, what it knows of itself, and what it waits for.

use std::cell::Cell;
use std::convert::Infallible;
use std::ptr;

use corosensei::stack::{DefaultStack, Stack, StackPointer};
use corosensei::{Coroutine, CoroutineResult, Yielder};

use super::access_check::check_exit;
use super::block_state::BlockState;
use super::step_count::count_step;

/// Bytes of one coroutine's stack. Kernels keep little there: what does not fit in registers, and the
/// emulator's callbacks. A guard page lies below.
const STACK_BYTES: usize = 64 * 1024;

/// Why a thread has stopped running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    BlockBarrier,
    WaveBarrier,
    Exchange,
    Ballot,
    /// It has left the kernel.
    Exit,
    /// It did something undefined and is never resumed; the block's state holds what.
    Fault,
}

impl Wait {
    pub fn describe(self) -> &'static str {
        match self {
            Wait::BlockBarrier => "waits at a block barrier (__syncthreads)",
            Wait::WaveBarrier => "waits at a wave barrier",
            Wait::Exchange => "waits at a wave shuffle",
            Wait::Ballot => "waits at a wave ballot",
            Wait::Exit => "has left the kernel",
            Wait::Fault => "has faulted",
        }
    }
}

/// What the callbacks need of the thread that runs. Lives in a box: its address stays.
pub(super) struct ThreadContext {
    /// x, y, z as `pack` makes it.
    pub index: u64,
    pub linear: u32,
    pub wave: u32,
    pub lane: u32,
    pub wait: Wait,
    /// The operand of a wave operation, and then its result.
    pub value: u64,
    pub source_lane: u32,
    pub stack_start: usize,
    pub stack_bytes: usize,
    pub block: *mut BlockState,
    /// Whether earlier kernels are done for this thread: from the beginning in an ordinary launch.
    pub waited: bool,
    yielder: *const Yielder<(), ()>,
}

thread_local! {
    static CURRENT: Cell<*mut ThreadContext> = const { Cell::new(ptr::null_mut()) };
}

/// The thread that this OS thread runs now; null outside of kernels. It never changes under a running
/// kernel function, because a coroutine stays on the OS thread that runs its block.
#[inline(always)]
pub(super) fn current() -> *mut ThreadContext {
    CURRENT.get()
}

/// Stops the current thread for `wait`; returns when the scheduler resumes it.
///
/// # Safety
/// `context` is `current()`, called from its own coroutine, and no frame of that coroutine holds a value
/// that needs dropping: a faulty block's coroutines are abandoned without unwinding.
#[inline]
pub(super) unsafe fn suspend(context: *mut ThreadContext, wait: Wait) {
    count_step();
    // SAFETY: the caller runs on the context's coroutine, so its yielder is alive.
    unsafe {
        (*context).wait = wait;
        (*(*context).yielder).suspend(());
    }
}

/// A coroutine with its context, kept and reused over blocks and launches.
pub(super) struct ThreadSlot {
    context: Box<ThreadContext>,
    coroutine: Coroutine<(), (), Infallible, StaggeredStack>,
}

impl ThreadSlot {
    /// `linear` is the thread's number in its block.
    pub fn new(linear: u32) -> std::io::Result<Self> {
        let stack = StaggeredStack::new(linear as usize)?;
        let mut context = Box::new(ThreadContext {
            index: 0,
            linear,
            wave: 0,
            lane: 0,
            wait: Wait::Exit,
            value: 0,
            source_lane: 0,
            stack_start: stack.limit().get(),
            stack_bytes: stack.base().get() - stack.limit().get(),
            block: ptr::null_mut(),
            waited: true,
            yielder: ptr::null(),
        });
        let coroutine = start(&mut *context, stack);
        Ok(Self { context, coroutine })
    }

    pub fn context(&self) -> &ThreadContext {
        &self.context
    }

    pub fn context_mut(&mut self) -> &mut ThreadContext {
        &mut self.context
    }

    /// Runs the thread until it waits for something.
    ///
    /// # Safety
    /// The context's block is set, alive, and its kernel's arguments are valid for the whole run.
    #[inline]
    pub unsafe fn run(&mut self) -> Wait {
        CURRENT.set(&mut *self.context);
        match self.coroutine.resume(()) {
            CoroutineResult::Yield(()) => self.context.wait,
            CoroutineResult::Return(never) => match never {},
        }
    }

    /// Gives up whatever the thread was doing; it can then run another block.
    pub fn abandon(&mut self) {
        if self.context.wait == Wait::Exit {
            return;
        }
        // SAFETY: kernels have no destructors, and callbacks hold nothing to drop while they are suspended.
        unsafe { self.coroutine.force_reset() };
        let context: *mut ThreadContext = &mut *self.context;
        take_mut(&mut self.coroutine, |coroutine| start(context, coroutine.into_stack()));
        self.context.wait = Wait::Exit;
    }
}

impl Drop for ThreadSlot {
    fn drop(&mut self) {
        // SAFETY: as in `abandon`; dropping without this would unwind through C++ frames.
        unsafe { self.coroutine.force_reset() };
    }
}

/// Replaces a value by a function of itself. `change` must not panic: the process aborts.
fn take_mut<T>(place: &mut T, change: impl FnOnce(T) -> T) {
    let abort_on_panic = AbortOnDrop;
    // SAFETY: the value read is either written back or, on a panic, never seen again.
    unsafe {
        let changed = change(ptr::read(place));
        ptr::write(place, changed);
    }
    std::mem::forget(abort_on_panic);
}

struct AbortOnDrop;

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        std::process::abort();
    }
}

/// A coroutine that runs the kernel of its context's block, once for every round of resumes.
fn start(context: *mut ThreadContext, stack: StaggeredStack) -> Coroutine<(), (), Infallible, StaggeredStack> {
    Coroutine::with_stack(stack, move |yielder, ()| {
        loop {
            // SAFETY: `ThreadSlot` owns the context longer than the coroutine, and `ThreadSlot::run`'s caller
            // vouches for block and arguments.
            unsafe {
                (*context).yielder = yielder;
                let block = (*context).block;
                (*context).waited = !(*(*block).launch).overlapped;
                ((*block).entry)((*block).arguments);
                check_exit(&*context);
                suspend(context, Wait::Exit);
            }
        }
    })
}

/// A stack whose base is moved by a multiple of 256 bytes, differently for neighbouring threads: stacks that
/// all end at a page boundary would compete for the same few cache sets.
struct StaggeredStack {
    memory: DefaultStack,
    shift: usize,
}

impl StaggeredStack {
    fn new(number: usize) -> std::io::Result<Self> {
        Ok(Self { memory: DefaultStack::new(STACK_BYTES)?, shift: number % 16 * 256 })
    }
}

// SAFETY: the stack is the inner one less a few bytes at its base, 16-byte aligned as the inner base is.
unsafe impl Stack for StaggeredStack {
    fn base(&self) -> StackPointer {
        StackPointer::new(self.memory.base().get() - self.shift).expect("a shift is less than a stack")
    }

    fn limit(&self) -> StackPointer {
        self.memory.limit()
    }
}

/// Packs x, y, z (y and z below 2^16, as HIP and CUDA demand) as portability_host.h unpacks them.
pub(super) fn pack(dimensions: [u32; 3]) -> u64 {
    u64::from(dimensions[0]) | u64::from(dimensions[1]) << 32 | u64::from(dimensions[2]) << 48
}

/// The reverse of `pack`.
pub(super) fn unpack(packed: u64) -> [u32; 3] {
    [packed as u32, (packed >> 32) as u32 & 0xffff, (packed >> 48) as u32]
}
