/// Makes the module's exports of a [`Transform`](crate::Transform): `export!(MyTransform);` once in a crate. One that is
/// [`Route`](crate::Route) too is exported by `export!(MyTransform, route);`, and by nothing less: that would not compile.
///
/// The spec's `payload` has to be `framed`, as it is by default.
#[macro_export]
macro_rules! export {
    ($transform:ty) => {
        const _: () = {
            // What a type has of its own goes before what it has of a trait: true where it is Route. The names are such as no
            // transform has: in here they would stand for its own.
            trait __StreamlineNotRoute {
                const ROUTES: bool = false;
            }
            struct __StreamlineProbe<T>(::std::marker::PhantomData<T>);
            impl<T> __StreamlineNotRoute for __StreamlineProbe<T> {}
            #[allow(dead_code)]
            impl<T: $crate::Route> __StreamlineProbe<T> {
                const ROUTES: bool = true;
            }
            assert!(!<__StreamlineProbe<$transform>>::ROUTES, "it is Route: write export!(MyTransform, route)");
        };
        $crate::__export_transform!($transform, $crate::Runner::new());
    };
    ($transform:ty, route) => {
        $crate::__export_transform!($transform, $crate::Runner::routing(), {
            #[cfg(target_arch = "wasm32")]
            #[export_name = "route"]
            extern "C" fn __streamline_route(input: *const u8, len: u32, output: *mut u8) -> u32 {
                // SAFETY: these are the host's buffers, for this call.
                let (input, output) = unsafe { ($crate::abi::input(input, len), $crate::abi::output(output)) };
                __STREAMLINE_RUNNER.with(|runner| runner.borrow_mut().route(input, output))
            }
        });
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_transform {
    ($transform:ty, $runner:expr $(, { $($more:item)* })?) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            ::std::thread_local! {
                static __STREAMLINE_RUNNER: ::std::cell::RefCell<$crate::Runner<$transform>> = ::std::cell::RefCell::new($runner);
            }
            $crate::__export_alloc!();
            #[export_name = "init"]
            extern "C" fn __streamline_init(config: *const u8, len: u32) -> u32 {
                // SAFETY: the host's buffer, for this call.
                let config = unsafe { $crate::abi::input(config, len) };
                __STREAMLINE_RUNNER.with(|runner| runner.borrow_mut().init(config).into())
            }
            #[export_name = "filter"]
            extern "C" fn __streamline_filter(input: *const u8, len: u32) -> u32 {
                // SAFETY: the host's buffer, for this call.
                let input = unsafe { $crate::abi::input(input, len) };
                __STREAMLINE_RUNNER.with(|runner| runner.borrow_mut().filter(input).into())
            }
            #[export_name = "transform"]
            extern "C" fn __streamline_transform(input: *const u8, len: u32, output: *mut u8) -> u32 {
                // SAFETY: these are the host's buffers, for this call.
                let (input, output) = unsafe { ($crate::abi::input(input, len), $crate::abi::output(output)) };
                __STREAMLINE_RUNNER.with(|runner| runner.borrow_mut().transform(input, output))
            }
            $($($more)*)?
        };
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() -> $crate::Runner<$transform> = || $runner;
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_alloc {
    () => {
        #[export_name = "alloc"]
        extern "C" fn __streamline_alloc(len: u32) -> *mut u8 {
            $crate::abi::alloc(len)
        }
    };
}

/// Makes a transform of a function from a value to a value: `fn(&[u8]) -> Vec<u8>`, or `-> Result<Vec<u8>, E>` where `E` is text or
/// an error, which fails the record. What it answers is the new value, also when that is empty; key and headers stay.
///
/// ```
/// fn transform(input: &[u8]) -> Vec<u8> {
///     input.to_ascii_uppercase()
/// }
/// streamline_guest::bytes_transform!(transform);
/// ```
///
/// The spec needs `payload: value`: the function is handed what `transform` of the ABI is. With
/// `bytes_transform!(transform, framed)` it needs the default, `payload: framed`, and the function is handed the value all the same.
#[macro_export]
macro_rules! bytes_transform {
    ($function:path) => {
        $crate::__export_bytes!($function, run_value);
    };
    ($function:path, framed) => {
        $crate::__export_bytes!($function, run_framed);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_bytes {
    ($function:path, $run:ident) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            $crate::__export_alloc!();
            #[export_name = "init"]
            extern "C" fn __streamline_init(_config: *const u8, _len: u32) -> u32 {
                $crate::abi::start()
            }
            #[export_name = "transform"]
            extern "C" fn __streamline_transform(input: *const u8, len: u32, output: *mut u8) -> u32 {
                // SAFETY: these are the host's buffers, for this call.
                let (input, output) = unsafe { ($crate::abi::input(input, len), $crate::abi::output(output)) };
                $crate::abi::$run($function, input, output)
            }
        };
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn(&[u8], &mut [u8]) -> u32 = |input, output| $crate::abi::$run($function, input, output);
    };
}
